/** Questions about anything else, each used in one group of the clean set only. Pure. */

const THINGS = `
acoustics; ballet; calligraphy; cartography; beekeeping; falconry; glaciers; geysers; haiku; heraldry; jazz; jellyfish; karate; kites; lichen;
lighthouses; magnets; marble; meteorites; mosaics; nebulae; obsidian; origami; oysters; papyrus; pendulums; pigments; plankton; porcelain; pottery;
puppetry; quarries; rainbows; reefs; sailing; sonnets; sundials; tapestry; tides; topology; trombones; tsunamis; turbines; typography; varnish; velvet;
volcanoes; watermills; weaving; whales; windmills; yoghurt; zebras; archery; bagpipes; bridges; canals; caramel; cathedrals; cellos; chess openings;
comets; compasses; coral; crosswords; dunes; eclipses; embroidery; enamel; fencing; fjords; fossils; glassblowing; granite; harps; hedgehogs; helium;
icebreakers; ink; judo; kayaks; lasers; limestone; locomotives; looms; lutes; mangroves; monsoons; moss; nougat; operas; otters; parachutes; peat;
perfume; photons; pistachios; prisms; quartz; radar; resin; saffron; sculpture; seahorses; silk; sonar; spiders; steam engines; submarines; swamps;
tango; telescopes; terracotta; truffles; tundra; ukuleles; vaults; violins; wax; xylophones; yaks; zeppelins
`
  .split(";")
  .map((thing) => thing.trim());

const WORDINGS = [
  "Tell me something about {x}",
  "What is interesting about {x}?",
  "Give me a short story with {x} in it",
  "What can a class of pupils learn from {x}?",
] as const;

/** Every stray question of group number `group` out of `groups`. */
export function straysOf(group: number, groups: number): readonly string[] {
  return THINGS.filter((_, index) => index % groups === group).flatMap((thing) =>
    WORDINGS.map((wording) => wording.replace("{x}", thing)),
  );
}
