/** Names of places, peoples and languages, as single words. Our own table, of what people ask about often. */

/** A country, and what belongs to it: all of a line count as the same name. */
export const COUNTRIES = `
afghanistan afghan; albania albanian; algeria algerian; argentina argentine argentinian; armenia armenian; australia australian aussie; austria austrian;
bangladesh bangladeshi; belarus belarusian; belgium belgian; bolivia bolivian; bosnia bosnian; botswana; brazil brazilian; bulgaria bulgarian;
cambodia cambodian khmer; cameroon; canada canadian; chile chilean; china chinese mandarin; colombia colombian; croatia croatian; cuba cuban; cyprus cypriot;
czechia czech; denmark danish dane danes; ecuador ecuadorian; egypt egyptian; estonia estonian; ethiopia ethiopian; finland finnish; france french;
germany german; ghana ghanaian; greece greek; guatemala; haiti; honduras; hungary hungarian; iceland icelandic; india indian; indonesia indonesian; iran
iranian persian farsi; iraq iraqi; ireland irish; israel israeli hebrew; italy italian; jamaica jamaican; japan japanese; jordan jordanian; kazakhstan; kenya
kenyan; korea korean; kuwait; laos; latvia latvian; lebanon lebanese; libya libyan; lithuania lithuanian; luxembourg; madagascar; malaysia malaysian malay;
mali; malta maltese; mexico mexican; moldova; mongolia mongolian; montenegro; morocco moroccan; mozambique; myanmar burma burmese; namibia; nepal nepali
nepalese; netherlands dutch holland; nicaragua; niger; nigeria nigerian; norway norwegian; oman omani; pakistan pakistani; panama; paraguay; peru peruvian;
philippines filipino tagalog; poland polish; portugal portuguese; qatar qatari; romania romanian; russia russian; rwanda; senegal; serbia serbian; singapore
singaporean; slovakia slovak; slovenia slovenian; somalia somali; spain spanish; sudan; sweden swedish; switzerland swiss; syria syrian; taiwan taiwanese;
tanzania; thailand thai; tunisia tunisian; turkey turkish; uganda ugandan; ukraine ukrainian; uruguay; uzbekistan; venezuela venezuelan; vietnam vietnamese;
yemen; zambia; zimbabwe; england english; scotland scottish; wales welsh; catalan catalonia; basque; swahili; hindi; urdu; bengali; tamil; telugu; marathi;
gujarati; punjabi; kannada; malayalam; sanskrit; latin; arabic; esperanto; cantonese; yiddish; zulu; afrikaans; gaelic; europe european; asia asian; africa
african; antarctica; oceania; scandinavia scandinavian; usa america american; uk britain british
`;

export const CITIES = `
amsterdam ankara antwerp athens atlanta auckland austin baghdad baku baltimore bangalore bengaluru bangkok barcelona basel beijing beirut belfast belgrade
bergen berlin bern bogota bologna bombay bonn bordeaux boston bradford bratislava brasilia bremen brisbane bristol bruges brussels bucharest budapest cairo
calcutta calgary cambridge canberra cannes cardiff casablanca chennai chicago cologne copenhagen cordoba dallas damascus delhi denver detroit dhaka doha
dortmund dresden dubai dublin dubrovnik durban dusseldorf edinburgh florence frankfurt gdansk geneva genoa ghent glasgow gothenburg granada grenoble guangzhou
hamburg hanoi hanover havana heidelberg helsinki hiroshima honolulu houston hyderabad innsbruck istanbul jaipur jakarta jerusalem johannesburg karachi kathmandu
kiev kyiv kinshasa kolkata krakow kyoto lagos lahore lausanne leeds leipzig lille lima lisbon liverpool ljubljana london lucknow luxor lyon madrid malaga malmo
manchester manila marrakech marrakesh marseille melbourne memphis miami milan milwaukee minsk montreal moscow mumbai munich nagoya nairobi nantes naples
nashville nicosia nuremberg odessa osaka oslo ottawa oxford palermo paris perth philadelphia pisa pittsburgh porto portland prague pune
quito reykjavik riga rome rotterdam salzburg santiago sapporo sarajevo seattle seoul seville shanghai sheffield shenzhen sofia stockholm strasbourg stuttgart
sydney taipei tallinn tampa tashkent tbilisi tehran tokyo toronto toulouse trieste tunis turin utrecht valencia vancouver venice verona vienna vilnius warsaw
washington wellington yokohama zagreb zaragoza zurich york angeles francisco vegas diego antonio orleans kong
alaska arizona california colorado florida georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota
mississippi missouri montana nebraska nevada jersey ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia wisconsin wyoming bavaria sicily
tuscany andalusia brittany normandy provence saxony tyrol quebec ontario alberta queensland kerala punjab bihar goa gujarat rajasthan kashmir tibet
sahara gobi amazon nile danube rhine thames alps andes himalayas everest kilimanjaro atlantic pacific mediterranean baltic caspian
mercury venus mars jupiter saturn uranus neptune pluto moon 
`;
