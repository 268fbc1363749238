/** Words that ask for the same, a group a line; `_` joins the words of a phrase. Our own table. */

export const SYNONYMS = `
enable activate turn_on switch_on power_on reactivate
disable deactivate turn_off switch_off power_off
delete remove erase wipe get_rid_of take_out take_off eliminate discard
buy purchase get_hold_of
cheap inexpensive affordable low-cost budget
expensive pricey dear
cheapest least_expensive most_affordable
price cost fee charge fare rate expense
increase raise boost maximize maximise grow go_up turn_up scale_up step_up improve enhance
decrease reduce minimize minimise lower lessen cut diminish go_down turn_down scale_down shrink drop
start begin launch commence
stop halt end quit terminate cease
install set_up setup
benefit advantage pro upside perk
drawback disadvantage con downside
close shut
login log_in log_on sign_in sign_on
logout log_out log_off sign_out sign_off
register sign_up enrol enroll join subscribe
repair fix mend resolve solve troubleshoot
make build create produce construct
cook prepare
change modify alter edit adjust amend update
replace swap substitute
show display list view
find locate look_for search_for look_up track_down
learn study
teach train
fast quick rapid speedy
quickly fast
speed_up accelerate
slow_down decelerate
big large huge
small little tiny
biggest largest
smallest tiniest
tall high height
old age
far distance
heavy weight weigh
deep depth
wide width broad
long length duration
hot warm
cold cool
wrong incorrect
correct right proper
important crucial essential vital
hard difficult tough
easy simple
difference differ different distinguish
similar alike
same identical equal
meaning mean definition define stand_for short_for
car automobile vehicle auto
phone telephone smartphone mobile cellphone cell handset
computer pc
laptop notebook
picture photo image photograph
movie film
television tv telly
doctor physician
lawyer attorney solicitor
child kid children
baby infant newborn
house home
flat apartment
job work employment career occupation
salary wage pay earn income earnings
boss manager supervisor
company firm business corporation
employee staff worker
customer client buyer
person people human individual man
country nation
town city
road street
shop store
holiday vacation
trip journey travel
flight fly plane airplane aeroplane
airport airfield
suitcase luggage baggage bag
ticket pass
bill invoice
parcel package
refund reimburse reimbursement money_back
cancel call_off
send ship deliver dispatch mail
receive get obtain acquire gain
give grant provide
sell sale
keep retain hold
save stash
use utilise utilize employ usage
need require necessary required
want wish would_like
allow permit let allowed permitted
forbid prohibit ban forbidden
possible feasible can
help assist support aid
call ring
contact reach get_in_touch
talk speak chat
say tell
ask query
question enquiry
answer reply response respond
error fault bug
problem issue trouble
crash fail failure
symptom sign
treat treatment cure remedy therapy
ill sick
illness disease
drug medicine medication
painkiller analgesic
pain ache hurt
poisonous toxic
safe secure
safely securely
danger dangerous risky hazardous
die dead death
live alive
happen occur take_place
cause make_happen
author writer write wrote written
inventor invent
birthplace born
capital capital_city
population inhabitant
extinct die_out
spouse partner
wife married_woman
wash clean
grow cultivate
plant sow
feed food
eat consume
drink beverage
meal dish
recipe cook
begin start
often frequently
frequent regular
fast speedily
u.s u.s.a usa
nearest closest
near close_to nearby
top best
rating rated
great good nice excellent
bad awful terrible poor
worst
step instruction procedure process
way method approach technique manner means
reason why cause
book textbook
strategy tactic
programming coding code program
job vacancy
funny hilarious
tip advice suggestion idea recommend recommendation
example instance
list enumerate
count number
compute calculate work_out
formula equation
sum total
multiply times
divide divided
part portion
piece bit
whole entire
edge border
colour color
organise organize
centre center
metre meter
litre liter
favour favor
behaviour behavior
licence license
cheque check
programme program
analyse analyze
cilantro coriander
aubergine eggplant
courgette zucchini
chilli chili chillies
prawn shrimp
yoghurt yogurt
petrol gas gasoline
lorry truck
lift elevator
autumn fall_season
rubbish trash garbage
queue line
football soccer
maths math mathematics
exam test examination
university college
pupil student
homework assignment
cv resume
email e-mail mail
website site webpage
web internet online
password passcode passphrase
folder directory
file document
app application
command instruction
output result
argument parameter
variable var
repository repo
database db
k8s kubernetes
js javascript
ts typescript
postgres postgresql
golang go_language
ml machine_learning
ai artificial_intelligence
uk united_kingdom britain
us usa united_states america american
eu european_union
ww2 wwii second_world_war
ww1 wwi first_world_war
nyc new_york
sms text_message
payslip paycheck
mortgage home_loan
loan credit
invest investment investing
rich wealthy
money cash
weight_loss lose_weight
workout exercise
run running jog
sleep asleep
pregnant pregnancy
belly stomach tummy
leader chief
ceo chief_executive
head leader
prime_minister pm
become turn_into
convert turn_into transform change_into conversion
migrate move migration
translate translation
copy duplicate
move transfer
split divide
merge combine join
undo revert
restart reboot
run execute
deploy roll_out
configure configuration setting
back_up backup
access reach
choose pick select
check verify
compare comparison
describe explain
interesting exciting
famous well-known popular
beautiful pretty
happy glad
angry mad
scared afraid
smart clever intelligent
stupid dumb
real true
quite rather
maybe perhaps
start_business
handle deal_with cope_with
avoid prevent
approve accept sign_off
reject decline refuse turn_down_offer
commute travel
tax-deductible deduct deductible
unsafe not_safe
earn make_money earn_money
required mandatory compulsory obligatory
legal lawful
illegal unlawful outlawed
bind binding bound
brother sibling
purpose used_for
consider think_about
opinion view think
current present
hide conceal
visit see
watch see
look seem
`;
