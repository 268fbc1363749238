/** Families of questions about home, health, travel, money and knowledge, for the clean set. How they read: `families.ts`. */

export const FAMILIES_OF_LIFE = `
# bread
x: rye; spelt; corn; oat; barley; millet
= How long does {x} dough have to rise? / For how long should {x} dough rise? / What is the rising time of {x} dough?
= Can I make {x} bread with yeast? / Is it possible to make {x} bread using yeast? / May I use yeast to make {x} bread?
! Can I make {x} bread without yeast? / Is it possible to make {x} bread using no yeast? / May I leave the yeast out of {x} bread?
= How do I freeze a loaf of {x} bread? / What is a good way to freeze a {x} loaf? / Freezing a {x} bread loaf: how?
! How do I defrost a loaf of {x} bread? / What is a good way to defrost a {x} loaf? / Defrosting a {x} bread loaf: how?

# soups
x: pumpkin; leek; carrot; lentil; mushroom; tomato
= How much salt goes into {x} soup for 4 people? / What amount of salt does {x} soup for four people need? / For 4 people, how much salt goes into a {x} soup?
! How much salt goes into {x} soup for 8 people? / What amount of salt does {x} soup for eight people need? / For 8 people, how much salt goes into a {x} soup?
= What can I serve with {x} soup? / What goes well with {x} soup? / Which side goes with a {x} soup?
= How can I make {x} soup thicker? / What makes {x} soup thicker? / What is a way of making my {x} soup thicker?
! How can I make {x} soup thinner? / What makes {x} soup thinner? / What is a way of making my {x} soup thinner?

# oven
x: 120; 150; 175; 190; 200; 220
= What is {x} degrees Celsius in Fahrenheit? / Convert {x} °C into Fahrenheit / How many degrees Fahrenheit are {x} degrees Celsius?
! What is {x} degrees Fahrenheit in Celsius? / Convert {x} °F into Celsius / How many degrees Celsius are {x} degrees Fahrenheit?
= Is {x} degrees too hot for meringue? / Would {x} degrees be too hot for meringue? / For meringue, is {x} degrees too hot?
! Is {x} degrees too cold for meringue? / Would {x} degrees be too cold for meringue? / For meringue, is {x} degrees too cold?
= How long do scones bake at {x} degrees? / What is the baking time of scones at {x} degrees? / At {x} degrees, how long should scones bake?

# trains
x: Geneva; Munich; Prague; Krakow; Turin; Malaga
y: Basel; Leipzig; Brno; Gdansk; Genoa; Valencia
= Is there a night train from {x} to {y}? / Does a night train go from {x} to {y}? / Can I take a night train from {x} to {y}?
! Is there a night train from {y} to {x}? / Does a night train go from {y} to {x}? / Can I take a night train from {y} to {x}?
= What does a first class ticket to {x} cost? / How much is a first class ticket to {x}? / What is the price of a first class ticket to {x}?
! What does a second class ticket to {x} cost? / How much is a second class ticket to {x}? / What is the price of a second class ticket to {x}?
= Can I take a bicycle on the train to {y}? / Is a bicycle allowed on the train to {y}? / May I bring a bicycle on the {y} train?

# museums
x: Monday; Tuesday; Wednesday; Thursday; Friday; Sunday
= Is the science museum free on {x}? / Is entry to the science museum free on a {x}? / On {x}, is the science museum free?
= Which guided tours run on {x} morning? / What guided tours are there on {x} morning? / On {x} morning, which guided tours run?
! Which guided tours run on {x} evening? / What guided tours are there on {x} evening? / On {x} evening, which guided tours run?
= Can children come alone on {x}? / May children come alone on a {x}? / On {x}, are children allowed to come alone?
! Can adults come alone on {x}? / May adults come alone on a {x}? / On {x}, are adults allowed to come alone?

# baggage
x: 8; 10; 23; 25; 28; 32
= What is the fee for a suitcase of {x} kg? / How much do I pay for a {x} kilogram suitcase? / What does a suitcase with {x} kg cost?
! What is the fee for a suitcase of {x} pounds? / How much do I pay for a {x} pound suitcase? / What does a suitcase with {x} lb cost?
= Is a pram of {x} kg taken for free? / Do you take a {x} kg pram free of charge? / Will a pram weighing {x} kg go free?
= Where do I hand in a {x} kg box? / Where can I hand in a box of {x} kg? / In which place is a {x} kg box handed in?
! Where do I pick up a {x} kg box? / Where can I pick up a box of {x} kg? / In which place is a {x} kg box picked up?

# visas
x: Bhutan; Oman; Jordan; Laos; Georgia; Namibia
= How long does a tourist visa for {x} take? / What is the waiting time for a tourist visa for {x}? / How many days does it take to get a tourist visa for {x}?
! How much does a tourist visa for {x} cost? / What is the price of a tourist visa for {x}? / How expensive is a tourist visa for {x}?
= Which vaccines are required for {x}? / What vaccines do I need for {x}? / Which vaccines do I have to have for {x}?
! Which vaccines are not required for {x}? / What vaccines don't I need for {x}? / Which vaccines do I not have to have for {x}?
= Is it safe to drive in {x} at night? / Can I drive safely in {x} at night? / How safe is driving at night in {x}?

# medicines
x: amoxicillin; omeprazole; cetirizine; naproxen; loratadine; ranitidine
= Should I take {x} before meals? / Do I have to take {x} before meals? / Is {x} to be taken before eating?
! Should I take {x} after meals? / Do I have to take {x} after meals? / Is {x} to be taken after eating?
= Can {x} be taken with coffee? / May I take {x} with coffee? / Is it fine to have coffee with {x}?
= What if I took too much {x}? / What happens when I have taken too much {x}? / I took too much {x}, what now?
! What if I took too little {x}? / What happens when I have taken too little {x}? / I took too little {x}, what now?

# symptoms
x: ankle; shoulder; wrist; knee; hip; elbow
= Why does my left {x} hurt? / What is the reason my left {x} hurts? / My left {x} hurts, what can it be?
! Why does my right {x} hurt? / What is the reason my right {x} hurts? / My right {x} hurts, what can it be?
= Which doctor treats {x} pain? / What kind of doctor treats pain in the {x}? / For {x} pain, which doctor should I see?
= Should I put ice on a swollen {x}? / Is it right to put ice on a swollen {x}? / Is ice good for a swollen {x}?
! Should I put heat on a swollen {x}? / Is it right to put heat on a swollen {x}? / Is heat good for a swollen {x}?

# children
x: 3; 5; 7; 9; 11; 13
= How much sleep does a {x} year old need? / How many hours of sleep does a child of {x} need? / What amount of sleep does a {x} year old need?
= May a {x} year old stay home alone? / Is a {x} year old allowed to stay home alone? / Can a child of {x} stay home alone?
! Must a {x} year old stay home? / Is a {x} year old obliged to stay home? / Does a child of {x} have to stay home?
= Which books suit a {x} year old girl? / What books are right for a girl of {x}? / What are good books for a {x} year old girl?
! Which books suit a {x} year old boy? / What books are right for a boy of {x}? / What are good books for a {x} year old boy?

# mortgages
x: 5; 10; 15; 20; 25; 30
= What is the rate of a mortgage fixed for {x} years? / Which rate does a mortgage with {x} fixed years have? / How high is the rate for a mortgage fixed {x} years?
! What is the rate of a mortgage floating for {x} years? / Which rate does a mortgage with {x} floating years have? / How high is the rate for a mortgage floating {x} years?
= Can I repay early within {x} years? / Is early repayment possible within {x} years? / May I repay early in the first {x} years?
= What is the monthly payment over {x} years? / How much do I pay monthly over {x} years? / Over {x} years, what is my monthly payment?
! What is the total payment over {x} years? / How much do I pay in total over {x} years? / Over {x} years, what is my total payment?

# shares
x: Airbus; Unilever; Nintendo; Samsung; Heineken; Volvo
= When should I buy shares of {x}? / When is it good to buy {x} shares? / What is the right moment to buy {x} shares?
! When should I sell shares of {x}? / When is it good to sell {x} shares? / What is the right moment to sell {x} shares?
= What dividend does {x} pay? / How much dividend is paid by {x}? / How high is the dividend of {x}?
! What dividend did {x} pay? / How much dividend was paid by {x}? / How high was the dividend of {x}?
= Who audits the accounts of {x}? / By whom are the accounts of {x} audited? / Which firm is the auditor of {x}?

# currencies
x: rupees; pesos; shekels; rand; lira; baht
y: dirhams; kronor; forints; ringgit; zlotys; reals
= How do I exchange {x} for {y} at the airport? / Where at the airport can I exchange {x} for {y}? / Is there a place at the airport to exchange {x} for {y}?
! How do I exchange {y} for {x} at the airport? / Where at the airport can I exchange {y} for {x}? / Is there a place at the airport to exchange {y} for {x}?
= Are there coins of 20 {x}? / Is there a coin worth 20 {x}? / Do coins of 20 {x} exist?
! Are there notes of 20 {x}? / Is there a banknote worth 20 {x}? / Do notes of 20 {x} exist?
= Is it wise to save in {y}? / Would it be wise to keep savings in {y}? / Are {y} wise for savings?

# taxes
x: 2015; 2016; 2017; 2018; 2020; 2021
= Where do I find my tax notice of {x}? / Where can I get the tax notice for {x}? / In which place is my {x} tax notice?
= What was the lowest tax rate in {x}? / How high was the lowest rate of tax in {x}? / In {x}, what was the lowest tax rate?
! What was the highest tax rate in {x}? / How high was the highest rate of tax in {x}? / In {x}, what was the highest tax rate?
= Can I still amend the return of {x}? / Is it still possible to amend my {x} return? / May the {x} return still be amended?
! Can I no longer amend the return of {x}? / Is it too late to amend my {x} return? / Is amending the {x} return no longer possible?

# tenancy
x: kitchen; bathroom; hallway; balcony; attic; bedroom
= Who pays for repairs in the {x}, tenant or landlord? / Does tenant or landlord pay for repairs in the {x}? / Repairs in the {x}: does the landlord or the tenant pay?
= May I paint the {x} of a rented flat? / Am I allowed to paint the {x} in a rented flat? / Is painting the {x} of a rented flat allowed?
! Must I paint the {x} of a rented flat? / Am I obliged to paint the {x} in a rented flat? / Do I have to paint the {x} of a rented flat?
= How do I remove mould from the {x}? / What removes mould from a {x}? / What is the way to get mould out of the {x}?
! How do I prevent mould in the {x}? / What prevents mould in a {x}? / What is the way to keep mould out of the {x}?

# contracts
x: gym; broadband; mobile; energy; insurance; magazine
= How do I end my {x} contract early? / What is the way to end a {x} contract early? / Ending my {x} contract early, how does that work?
! How do I extend my {x} contract early? / What is the way to extend a {x} contract early? / Extending my {x} contract early, how does that work?
= Is a {x} contract signed online binding? / Does a {x} contract bind me when I signed it online? / Am I bound by a {x} contract that I signed online?
! Is a {x} contract signed online not binding? / Does a {x} contract not bind me when I signed it online? / Am I not bound by a {x} contract that I signed online?
= Who gets a copy of the {x} contract? / Which people get copies of the {x} contract? / To whom does a copy of the {x} contract go?

# geometry
x: cone; sphere; cylinder; pyramid; cube; prism
= What is the volume of a {x}? / How do I compute the volume of a {x}? / Which formula gives a {x}'s volume?
! What is the surface of a {x}? / How do I compute the surface of a {x}? / Which formula gives a {x}'s surface?
= How many edges does a {x} have? / What is the number of edges of a {x}? / Count the edges of a {x}
! How many faces does a {x} have? / What is the number of faces of a {x}? / Count the faces of a {x}
= How do I draw a {x} on paper? / What is a way to draw a {x} on paper? / Drawing a {x} on paper, how is it done?

# arithmetic
x: 48; 56; 72; 84; 96; 108
y: 6; 7; 8; 12; 16; 9
= What is {x} divided by {y}? / How much is {x} divided by {y}? / Divide {x} by {y} for me
! What is {x} multiplied by {y}? / How much is {x} multiplied by {y}? / Multiply {x} by {y} for me
= Is {x} a multiple of {y}? / Can {x} be called a multiple of {y}? / Would {x} be a multiple of {y}?
! Is {y} a multiple of {x}? / Can {y} be called a multiple of {x}? / Would {y} be a multiple of {x}?
= List the prime factors of {x} / What are the prime factors of {x}? / Which prime factors does {x} have?

# planets
x: Mercury; Venus; Neptune; Uranus; Pluto; Ceres
= How long is a day on {x}? / What is the length of a day on {x}? / A day on {x} is how long?
! How long is a year on {x}? / What is the length of a year on {x}? / A year on {x} is how long?
= Who was the first to see {x} through a telescope? / Who saw {x} first through a telescope? / Which person first saw {x} through a telescope?
= Could people live on {x}? / Would it be possible for people to live on {x}? / Is {x} a place where people could live?
! Did people live on {x}? / Have people ever lived on {x}? / Was {x} a place where people lived?

# writers
x: Tolstoy; Kafka; Borges; Ibsen; Goethe; Cervantes
= Where did {x} grow up? / In which place did {x} grow up? / What is the place where {x} grew up?
! When did {x} grow up? / In which years did {x} grow up? / What is the time in which {x} grew up?
= Which book of {x} is the longest? / What is the longest book by {x}? / What book is the longest that {x} wrote?
! Which book of {x} is the shortest? / What is the shortest book by {x}? / What book is the shortest that {x} wrote?
= Did {x} write poems? / Did {x} ever write any poems? / Are there poems written by {x}?

# centuries
x: 12th; 13th; 15th; 16th; 17th; 18th
= How did farmers live in the {x} century? / What was the life of farmers like in the {x} century? / In the {x} century, how did farmers live?
= Which empire was the strongest in the {x} century? / What was the strongest empire in the {x} century? / In the {x} century, which empire was strongest?
! Which empire was the weakest in the {x} century? / What was the weakest empire in the {x} century? / In the {x} century, which empire was weakest?
= Who ruled Sweden in the early {x} century? / Early in the {x} century, who ruled Sweden? / In the early {x} century, who was the ruler of Sweden?
! Who ruled Sweden in the late {x} century? / Late in the {x} century, who ruled Sweden? / In the late {x} century, who was the ruler of Sweden?

# garden
x: lavender; rosemary; peonies; tulips; hydrangeas; ivy
= When do I plant {x}? / What is the right time to plant {x}? / In which month should {x} be planted?
! When do I cut back {x}? / What is the right time to cut back {x}? / In which month should {x} be cut back?
= Is {x} poisonous for horses? / Are horses poisoned by {x}? / Would {x} be poisonous for a horse?
! Is {x} harmless for horses? / Are horses unharmed by {x}? / Would {x} be harmless for a horse?
= How much water does {x} need in a pot? / What amount of water does {x} in a pot need? / In a pot, how much water does {x} need?

# pets
x: budgie; ferret; gecko; guinea pig; goldfish; canary
= How often should I feed a {x}? / How many times should a {x} be fed? / How frequently do I feed a {x}?
! How much should I feed a {x}? / What amount of food does a {x} get? / Which portion do I feed a {x}?
= Can a {x} live alone? / Is it fine for a {x} to live alone? / May a {x} be kept alone?
! Can a {x} not live alone? / Is it wrong for a {x} to live alone? / May a {x} not be kept alone?
= What is a {x} allergic to? / Which things is a {x} allergic to? / What may a {x} be allergic to?

# shops
x: sofa; mattress; bookcase; wardrobe; lamp; carpet
= What does delivery of a {x} cost? / How much is the delivery of a {x}? / What do I pay for the delivery of a {x}?
= Can I return a {x} that was opened? / Is it possible to return an opened {x}? / Will you take back a {x} that was opened?
! Can I return a {x} that was never opened? / Is it possible to return an unopened {x}? / Will you take back a {x} that was not opened?
= Which is the lightest {x} you sell? / What is the lightest {x} in the shop? / Show me the lightest {x} you have
! Which is the heaviest {x} you sell? / What is the heaviest {x} in the shop? / Show me the heaviest {x} you have

# orders
x: 1001; 1010; 2002; 2020; 3003; 3030
= Where is my order number {x}? / Can you tell me where order {x} is? / I want to know where order number {x} is
= Please cancel order {x} / I'd like to cancel order {x} / Can you cancel order number {x}?
! Please repeat order {x} / I'd like to repeat order {x} / Can you repeat order number {x}?
= When was order {x} sent? / On which day was order {x} sent? / What is the date order {x} was sent?
! When will order {x} be sent? / On which day will order {x} be sent? / What is the date order {x} will be sent?

# gym
x: squat; deadlift; plank; lunge; bench press; pull-up
= Which muscles does the {x} train? / What muscles are trained by the {x}? / The {x} trains which muscles?
= How do I do a {x} with a bad back? / What is a good {x} for people with a bad back? / With a bad back, how can I do a {x}?
! How do I do a {x} without a bad back? / What is a {x} like that leaves no bad back? / How can I do a {x} and not get a bad back?
= Should I do the {x} at the start of training? / Is it good to do the {x} at the start of training? / Does the {x} belong at the start of training?
! Should I do the {x} at the end of training? / Is it good to do the {x} at the end of training? / Does the {x} belong at the end of training?

# languages
x: Hungarian; Icelandic; Malay; Tagalog; Basque; Latvian
y: Estonian; Faroese; Javanese; Cebuano; Galician; Lithuanian
= How many cases does {x} have? / What is the number of cases in {x}? / In {x}, how many cases are there?
= Is there a dictionary from {x} to {y}? / Where is a dictionary from {x} to {y}? / Does a dictionary from {x} to {y} exist?
! Is there a dictionary from {y} to {x}? / Where is a dictionary from {y} to {x}? / Does a dictionary from {y} to {x} exist?
= How do I write "good luck" in {x}? / What is "good luck" in {x}? / Write "good luck" in {x}
! How do I write "bad luck" in {x}? / What is "bad luck" in {x}? / Write "bad luck" in {x}
`;
