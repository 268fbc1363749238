/** Words of opposite directions, an axis a line, its two ends parted by `|`; `_` joins the words of a phrase. Our own table. */

export const ANTONYMS = `
enable activate on_switch reactivate | disable deactivate
open reopen | close shut
buy purchase | sell resell
increase raise boost go_up rise rose risen gain higher grow grew | decrease reduce lower lessen cut go_down fall fell fallen drop diminish shrink
cheap cheaper cheapest inexpensive affordable least_expensive | expensive pricey priciest dear most_expensive dearest
best better good | worst worse bad terrible
minimum min minimal | maximum max maximal
start begin launch | stop halt end terminate finish
install | uninstall
add append insert | remove delete subtract drop
import | export
upload | download
left | right
before | after
encrypt encryption | decrypt decryption
encode | decode
lock | unlock
mute | unmute
subscribe register | unsubscribe unregister
follow | unfollow
zip compress | unzip decompress unpack extract
archive | restore unarchive
freeze | thaw defrost unfreeze
login | logout
allow permit let grant accept approve | deny block forbid prohibit ban refuse reject decline disallow
block | unblock
hide conceal | show reveal unhide display
attach connect link mount pair | detach disconnect unlink unmount unpair
arm | disarm
load | unload
pack | unpack
tie | untie
wrap | unwrap
plug | unplug
push | pull
send | receive
lend | borrow
hire recruit | fire dismiss sack
win won | lose lost
join enter | leave exit
arrive arrival | depart departure leave
pause suspend | resume continue
merge combine join | split separate divide
expand | collapse
include | exclude
ascend ascending | descend descending
highest tallest top most maximum high high_level | lowest shortest bottom least minimum low
largest biggest big large bigger larger greatest | smallest tiniest small little tiny smaller
long longest longer | short shortest shorter
fast fastest faster quick quickest quicker speed_up rapid | slow slowest slower slow_down
early earliest earlier | late latest later
first | last final
next upcoming following | previous last past prior preceding
new newest newer latest | old oldest older
current present | former previous past ex
strong strongest strengthen stronger | weak weakest weaken weaker
hot hottest hotter warm warmer heat | cold coldest colder cool cooler cooling ice
heavy heaviest heavier | light lightest lighter
hard hardest difficult harder | easy easiest easier simple
rich richest richer wealthy | poor poorest poorer
young youngest younger | old oldest older
happy happiest | sad saddest unhappy
full | empty
full | partial
full-time fulltime | part-time parttime
wide widest wider | narrow narrowest narrower
thick thickest thicker thicken | thin thinnest thinner
deep deepest | shallow shallowest
near nearest closest close nearer | far farthest furthest distant further
inside indoor indoors | outside outdoor outdoors
get_into go_into | get_out_of go_out_of
above over | below under beneath underneath
public | private
internal inner | external outer
domestic | foreign international
local | remote global
legal lawful legally lawfully allowed_by_law permitted_by_law | illegal unlawful illegally unlawfully against_the_law forbidden_by_law prohibited_by_law
too_much too_many | too_little too_few not_enough
true | false
positive | negative
right correct | wrong incorrect
pass | fail
success succeed successful | failure fail
accept | decline
agree | disagree
advantage benefit pro upside strength | disadvantage drawback con downside weakness
cause causes trigger | prevent cure avoid stop treat
create build | destroy delete break
construct | demolish
profit | loss
income revenue earning | expense spending expenditure cost
credit | debit
asset | liability
gross | net
deposit | withdraw withdrawal
save | spend
rent lease | own buy
lender | borrower
landlord | tenant
buyer purchaser | seller vendor
employer | employee
teacher | student pupil
doctor | patient
parent | child
husband | wife
man male men boy | woman female women girl
father dad | mother mom mum
brother | sister
son | daughter
uncle | aunt
king | queen
host | guest
client | server
sender | recipient receiver
input | output
read | write
reader | writer
odd | even
numerator | denominator
rational | irrational
sine | cosine
derivative differentiate | integral integrate
sum add addition plus | difference subtract subtraction minus
multiply product multiplication multiplied | divide quotient division divided
horizontal | vertical
row | column
prefix | suffix
head | tail
front | rear
north northern | south southern
east eastern | west western
day daytime | night nighttime
breakfast | dinner
sync synchronous | async asynchronous
static | dynamic
mutable | immutable
strict | lenient loose
encrypted | unencrypted plaintext
verbose | quiet silent
loud louder loudest noisy | quiet quieter silent
bright brighter brighten | dark darker dim darken
online | offline
paid | free unpaid
taxable | tax-free
gain gaining | lose losing
appear | disappear vanish
remember | forget
wake | asleep
live alive survive | die dead
born birth | died death
love | hate dislike
praise | criticise blame
attack | defend
guilty | innocent
plaintiff | defendant
married marry | divorced divorce single
pregnant | nonpregnant
acute | chronic
benign | malignant
hypertension hyper | hypotension hypo
hyperglycemia | hypoglycemia
hyperthyroidism | hypothyroidism
systolic | diastolic
artery | vein
endothermic | exothermic
anode | cathode
proton | electron
acid acidic | base alkaline basic
solid | liquid
raw uncooked | cooked
fresh | stale frozen rotten
sweet | sour bitter salty
boil | freeze chill
bake | fry
wet moist | dry
clean | dirty
dress | undress
approve | reject
promote promotion | demote demotion
upgrade | downgrade
scale_up scale_out | scale_down scale_in
zoom_in | zoom_out
check_in | check_out
opt_in | opt_out
ahead | behind
forward forwards | backward backwards
clockwise | counterclockwise anticlockwise
uphill | downhill
upstream | downstream
upstairs | downstairs
ancestor | descendant
supply | demand
bull bullish | bear bearish
long_position | short_position
majority most | minority
plural | singular
past | future
always | never rarely seldom sometimes
often frequently | rarely seldom
everywhere | nowhere somewhere
everyone everybody | nobody somebody someone
more | less fewer
exceed over more_than above | under below less_than
temporary temporarily | permanent permanently
manual manually | automatic automatically auto
optional | mandatory required compulsory
voluntary | compulsory
simple | complex complicated
safe safest | dangerous risky unsafe
gas | electric
diesel | petrol
vegan vegetarian | meat
subject | object
active | passive
offensive | defensive
rural | urban
win | draw
horizontal | vertical
introvert | extrovert
optimist | pessimist
liberal | conservative
capitalism | socialism communism
fiction | nonfiction
theory | practice
analog analogue | digital
hardware | software
frontend front-end | backend back-end
monolith | microservices
whitelist allowlist | blacklist denylist
stable | unstable beta
local_maximum | global_maximum
harmless | harmful poisonous toxic
transparent | opaque
smooth | rough
soft softest softer softener | hard hardest hardener
tight tighter tighten | loose looser loosen
attract | repel
ally | enemy
victory | defeat
sunrise | sunset
birthday | funeral
pros | cons
lead | follow
commit | rollback
whole entire | part partial half
`;
