/** Families of questions about work with computers and offices, for the clean set. How they read: `families.ts`. */

export const FAMILIES_OF_WORK = `
# smart lock
x: front door; garage; shed; office; cellar; gate
= How do I pair the smart lock of the {x} with my phone? / What are the steps to pair my phone with the {x} smart lock? / Pairing the {x} smart lock with a phone: how does it work? / I want to pair the smart lock on the {x} with my phone
= How long does the battery of the {x} lock last? / What is the battery life of the {x} lock? / How many months will the battery in the {x} lock hold?
! How do I replace the battery of the {x} lock? / What is the way to change the battery in the {x} lock? / Changing the battery of the {x} lock, how is it done?
= How do I arm the alarm on the {x}? / How can I arm the {x} alarm? / What do I press to arm the alarm of the {x}?
! How do I disarm the alarm on the {x}? / How can I disarm the {x} alarm? / What do I press to disarm the alarm of the {x}?

# helpdesk tickets
x: billing; network; hardware; payroll; security; facilities
= How do I open a {x} ticket? / Where can I raise a ticket with the {x} team? / What is the way to file a {x} ticket? / I need to raise a {x} ticket, how do I do this?
! How do I close a {x} ticket? / Where can I close a ticket of the {x} team? / What is the way to mark a {x} ticket as closed?
= Who answers {x} tickets on call? / Which person is on call for {x} tickets? / Who is the one on call for {x} tickets?
= How fast are {x} tickets answered? / What is the response time for {x} tickets? / How quickly will somebody answer a {x} ticket?

# web hosting
x: Tomcat; Varnish; Traefik; Lighttpd; Gunicorn; Puma
= How do I raise the number of workers in {x}? / How can I give {x} more workers? / What setting makes {x} use more workers? / I'd like {x} to run with more workers
! How do I lower the number of workers in {x}? / How can I give {x} fewer workers? / What setting makes {x} use fewer workers?
= Where does {x} keep its access log? / Where can I find the access log of {x}? / In which place is the {x} access log written?
! Where does {x} keep its error log? / Where can I find the error log of {x}? / In which place is the {x} error log written?
= How do I put a TLS certificate into {x}? / How can {x} be given a TLS certificate? / What do I set in {x} for a TLS certificate?

# schema changes
x: orders; customers; shipments; invoices; sessions; products
= How do I add an index to the {x} table without downtime? / Can I create an index on {x} with no downtime? / What is a way to put an index on the {x} table while it stays online?
! How do I drop an index from the {x} table without downtime? / Can I remove an index on {x} with no downtime? / What is a way to take an index off the {x} table while it stays online?
= How many rows does the {x} table have? / What is the row count of the {x} table? / Count the rows of the {x} table / Number of rows in {x}?
= Why are queries on {x} slow after the upgrade? / What makes queries on {x} slow since the upgrade? / After the upgrade queries on {x} are slow, why?
! Why were queries on {x} slow before the upgrade? / What made queries on {x} slow before we upgraded? / Before the upgrade queries on {x} were slow, why?

# log retention
x: 7; 14; 30; 60; 90; 180
= How do I keep audit logs for {x} days? / What setting keeps the audit log {x} days long? / I want audit logs to stay for {x} days
! How do I keep audit logs for {x} weeks? / What setting keeps the audit log {x} weeks long? / I want audit logs to stay for {x} weeks
= How much disk do {x} days of traces need? / What disk space is needed for {x} days of traces? / Disk needed to hold traces of {x} days?
= Is it lawful to store location data for {x} days? / May we lawfully keep location data {x} days long? / Are we allowed by law to hold location data for {x} days?
! Is it unlawful to store location data for {x} days? / Would keeping location data {x} days long be against the law? / Are we forbidden by law to hold location data for {x} days?

# machine sizes
x: 2; 4; 8; 16; 32; 64
= What does a server with {x} cores cost per month? / What is the monthly price of a {x} core server? / How much is a {x} core server a month?
! What does a server with {x} cores cost per year? / What is the yearly price of a {x} core server? / How much is a {x} core server a year?
= Can a model with 7 billion weights run on {x} cores? / Will {x} cores run a model of 7 billion weights? / Is it possible to run a 7 billion weight model with {x} cores?
= How do I pin a process to the first {x} cores? / How can I bind a process to the first {x} cores? / What command pins a process to the first {x} cores?
! How do I pin a process to the last {x} cores? / How can I bind a process to the last {x} cores? / What command pins a process to the last {x} cores?

# file formats
x: Avro; Parquet; Protobuf; TOML; XML; MessagePack
y: CSV; JSON; YAML; INI; SQLite; CBOR
= Which tool turns {x} into {y}? / What can I use to turn {x} into {y}? / Is there a tool that makes {y} out of {x}? / I need a tool to turn {x} into {y}
! Which tool turns {y} into {x}? / What can I use to turn {y} into {x}? / Is there a tool that makes {x} out of {y}?
= Is {x} smaller than {y} on disk? / Does {x} take less disk space than {y}? / On disk, is {x} smaller than {y}?
! Is {y} smaller than {x} on disk? / Does {y} take less disk space than {x}? / On disk, is {y} smaller than {x}?
= Who maintains the {x} format? / By whom is the {x} format maintained? / Which group looks after the {x} format?

# branches
x: release; hotfix; staging; nightly; preview; sandbox
= How do I protect the {x} branch? / How can the {x} branch be protected? / What do I do to protect the {x} branch? / Protecting the {x} branch, how?
! How do I unprotect the {x} branch? / How can the protection of the {x} branch be removed? / What do I do to lift protection from the {x} branch?
= Who may push to the {x} branch? / Which people are allowed to push to {x}? / Who is allowed to push to the {x} branch?
! Who pushed to the {x} branch? / Which people have pushed to {x}? / Who was it that pushed to the {x} branch?
= Where is the pipeline file of the {x} branch? / In which file is the pipeline of the {x} branch? / Where can I find the {x} branch's pipeline file?

# recursion and loops
x: Haskell; Lua; Julia; Perl; Erlang; Fortran
= How do I read a file line by line in {x}? / What is the way to read a file by lines in {x}? / In {x}, how can I read a file one line at a time?
! How do I write a file line by line in {x}? / What is the way to write a file by lines in {x}? / In {x}, how can I write a file one line at a time?
= How do I reverse a string in {x}? / What is a way to reverse strings in {x}? / In {x}, how can a string be reversed?
= Does {x} support tail recursion? / Is there tail recursion in {x}? / Is tail recursion supported by {x}?
= How do I round a float up in {x}? / In {x}, how can I round a float up? / What rounds a float up in {x}?
! How do I round a float down in {x}? / In {x}, how can I round a float down? / What rounds a float down in {x}?

# chat rooms
x: design; marketing; legal; research; finance; field
= How do I archive the {x} room? / How can the {x} room be archived? / What do I do to archive the room of {x}?
! How do I restore the archived {x} room? / How can the archived {x} room be restored? / What do I do to bring back the archived room of {x}?
= How do I invite all guests to the {x} room? / How can I invite every guest to the {x} room? / I want to invite all guests to the {x} room, how?
! How do I invite some guests to the {x} room? / How can I invite a few guests to the {x} room? / I want to invite only some guests to the {x} room, how?
= Why do I get no sound from the {x} room? / What is the reason that there is no sound from the {x} room? / There is no sound from the {x} room, why?

# leave
x: annual; parental; sick; study; unpaid; compassionate
= How many days of {x} leave do I get? / What is the number of {x} leave days that I get? / How much {x} leave am I entitled to?
! How many days of {x} leave did I take? / What is the number of {x} leave days that I took? / How much {x} leave have I taken?
= Who approves {x} leave? / Which person signs off {x} leave? / By whom is {x} leave approved?
! Who rejects {x} leave? / Which person turns down {x} leave? / By whom is {x} leave rejected?
= Is {x} leave counted towards the pension? / Does {x} leave count for my pension? / Will {x} leave count towards a pension?

# expenses
x: hotel; taxi; lunch; parking; conference; fuel
= Can I claim a {x} receipt above the limit? / Is it possible to claim {x} receipts above the limit? / May a {x} receipt above the limit be claimed?
! Can I claim a {x} receipt below the limit? / Is it possible to claim {x} receipts below the limit? / May a {x} receipt below the limit be claimed?
= How do I scan a {x} receipt with the app? / How can the app scan a {x} receipt? / What is the way to scan {x} receipts in the app?
= Which {x} costs are not paid back? / What {x} costs will not be reimbursed? / Which {x} costs aren't reimbursed?
! Which {x} costs are paid back? / What {x} costs will be reimbursed? / Which {x} costs get reimbursed?

# offices
x: Hamburg; Toronto; Singapore; Nairobi; Santiago; Dublin
y: Cologne; Montreal; Jakarta; Kampala; Bogota; Belfast
= Who runs the {x} office? / Who is in charge of the office in {x}? / Which person leads the {x} office?
! Who ran the {x} office? / Who was in charge of the office in {x}? / Which person used to lead the {x} office?
= When does the shuttle from {x} to {y} leave? / At what time does the shuttle leave from {x} to {y}? / What is the departure time of the shuttle from {x} to {y}?
! When does the shuttle from {y} to {x} leave? / At what time does the shuttle leave from {y} to {x}? / What is the departure time of the shuttle from {y} to {x}?
= How many desks are free in {x}? / What is the number of free desks in {x}? / How many free desks does {x} have?

# onboarding
x: engineer; recruiter; accountant; designer; analyst; driver
= What does a new {x} need on the first day? / Which things does a new {x} need on day one? / On the first day, what does a new {x} need?
! What does a new {x} need on the last day? / Which things does a {x} need on the final day? / On the last day, what does a {x} need?
= Where do I send the contract of the {x}? / To whom should I send the {x}'s contract? / Where should the contract for the {x} be sent?
= How long is the trial period of a {x}? / What is the length of the trial period for a {x}? / For how many months is a {x} on trial?

# reviews
x: Ahmed; Ingrid; Paolo; Mei; Yusuf; Clara
y: Olga; Hugo; Fatima; Sven; Rosa; Kenji
= Did {x} review the work of {y}? / Has {x} reviewed the work of {y}? / Was the work of {y} reviewed by {x}?
! Did {y} review the work of {x}? / Has {y} reviewed the work of {x}? / Was the work of {x} reviewed by {y}?
= When is the yearly talk with {x}? / What is the date of the yearly talk with {x}? / At what date do I have my yearly talk with {x}?
= What goals did {x} reach this year? / Which goals were reached by {x} this year? / What are the goals that {x} reached this year?
! What goals did {x} reach last year? / Which goals were reached by {x} last year? / What are the goals that {x} reached last year?

# payment terms
x: 10; 14; 20; 45; 60; 75
= What does net {x} days on an invoice mean? / What is the meaning of net {x} days on a bill? / An invoice says net {x} days, what does it mean?
= Can I charge interest after {x} days? / Is it allowed to charge interest after {x} days? / May interest be charged after {x} days?
! Can I charge interest before {x} days? / Is it allowed to charge interest before {x} days are over? / May interest be charged before {x} days have passed?
= How do I give {x} percent off for early payers? / How can early payers get {x}% off? / What is the way to grant early payers {x} percent off?
! How do I charge {x} percent more for late payers? / How can late payers be charged {x}% more? / What is the way to charge late payers {x} percent more?

# virtual private networks
x: laptop; tablet; phone; desktop; router; television
= Why does the VPN drop on my {x}? / What makes the VPN drop on my {x}? / The VPN on my {x} keeps dropping, why?
! Why does the VPN not drop on my {x}? / What keeps the VPN from dropping on my {x}? / The VPN on my {x} does not drop, why?
= How do I set up the VPN on a {x}? / What are the steps to set up the VPN on a {x}? / Setting up the VPN on a {x}, how is it done?
= Is the VPN faster than wifi calling on a {x}? / On a {x}, is the VPN faster than wifi calling? / Would the VPN on a {x} be faster than wifi calling?
! Is the VPN slower than wifi calling on a {x}? / On a {x}, is the VPN slower than wifi calling? / Would the VPN on a {x} be slower than wifi calling?
`;
