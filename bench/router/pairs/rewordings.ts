/** Pairs that ask the same in other words, by kind: negation, polarity, scope, tense and dates. Written by hand; see `lines.ts`. */

export const REWORDINGS: Readonly<Record<string, string>> = {
  negation: `
Why isn't my [scanner;webcam;headset] working? || My [scanner;webcam;headset] is not working, why?
Why does my [fridge;boiler;kettle] not switch on? || What is the reason my [fridge;boiler;kettle] doesn't turn on?
Which plants don't need direct sunlight? || What plants do not need direct sunlight?
Can I drive in [Portugal;Ireland;Croatia] without a licence? || Is it possible to drive in [Portugal;Ireland;Croatia] with no licence?
What can I cook without [eggs;dairy;gluten]? || Which meals can I make without using [eggs;dairy;gluten]?
I can't log in to my [payroll;training;booking] account || I am unable to log in to my [payroll;training;booking] account
Why can't I see the [invoice;timesheet;rota]? || What is the reason that I cannot see the [invoice;timesheet;rota]?
My parcel never arrived, what do I do? || What should I do if my parcel did not arrive?
Who doesn't have to file a tax return? || Who does not need to file a tax return?
Is this legal without a written contract? || Without a written contract, is this legal?
Why won't my car start in the cold? || Why does my car not start when it is cold?
How do I merge without a merge commit? || How can I do a merge with no merge commit?
What foods are not safe for cats? || Which foods are unsafe for cats?
What should I not say in an interview? || Which things shouldn't I say in an interview?
Why wasn't I charged for shipping? || Why was I not charged for shipping?
Is it impossible to recover a deleted branch? || Is it not possible to recover a deleted branch?
Why are some cookies not required? || Why aren't some cookies required?
What happens if I do not pay the fine? || What happens if I don't pay the fine?
Why is the button not clickable? || Why isn't the button clickable?
My baby won't sleep, what helps? || What helps when my baby does not sleep?
The test fails and I don't know why || I do not know why the test is failing
Why do some people not like cilantro? || Why don't some people like coriander?
How can I say no to my boss? || What is a good way of saying no to my boss?
I haven't received the confirmation email || The confirmation email has not been received by me
Which insects do not fly? || What are insects that don't fly?
Why is my password not accepted? || Why isn't my password being accepted?
Can I cancel without paying a fee? || Is it possible to cancel without a fee?
Are there flights with no stopover? || Are there flights without a stopover?
`,
  polarity: `
How do I enable [captions;roaming;autosave]? || How can I turn on [captions;roaming;autosave]?
How do I disable [popups;vibration;telemetry]? || What's the way to switch off [popups;vibration;telemetry]?
How can I delete my [profile;playlist;calendar]? || How do I remove my [profile;playlist;calendar]?
Where can I buy [train tickets;used books;stamps]? || Where is it possible to purchase [train tickets;used books;stamps]?
What is the cheapest way to [ship a bike;send a letter;call abroad]? || What is the least expensive way to [ship a bike;send a letter;call abroad]?
How do I increase my [upload speed;battery life;storage]? || How can I boost my [upload speed;battery life;storage]?
How do I reduce [food waste;noise;screen time]? || What can I do to decrease [food waste;noise;screen time]?
How do I install the printer driver? || What are the steps for installing the printer driver?
How do I stop the container? || How can I stop the container, please?
What are the benefits of meditation? || What are the advantages of meditation?
What are the drawbacks of solar panels? || What are the disadvantages of solar panels?
How can I close my bank account? || What is the procedure for closing my bank account?
How do I log out everywhere? || How can I sign out everywhere?
How do I block spam calls? || What is the way to block spam calls?
How do I earn money on the side? || How can I make money on the side?
What is the best time to prune roses? || When is the best time to prune roses?
How do I approve an expense claim? || How can I accept an expense claim?
How do I add a column to a table? || What is the command for adding a column to a table?
How can I speed up my website? || How do I make my website faster?
How do I get rid of ants? || How can I get rid of ants?
How do I begin with yoga? || How do I start with yoga?
How do I lose weight in a healthy way? || What is a healthy way to lose weight?
How can I lower my heating bill? || How do I reduce my heating bill?
Is it good to eat late? || Is eating late good?
How do I lock a spreadsheet cell? || How can a cell in a spreadsheet be locked?
What is the top-rated headphone? || Which headphone has the best rating?
How do I cancel the order? || I want to cancel the order, how do I do this?
Where can I upload my CV? || Where do I upload my CV?
How do I unsubscribe from the newsletter? || How can I stop getting the newsletter?
How can I hide my phone number? || What do I do to hide my phone number?
`,
  scope: `
How do I delete all [emails;cookies;bookmarks]? || How can I remove every [email;cookie;bookmark] at once?
Do all [employees;members;students] have to sign? || Does every [employee;member;student] need to sign?
What is the first step in [buying a house;filing a patent;training a dog]? || When [buying a house;filing a patent;training a dog], what's the first step?
Is at least one [photo;reference;signature] required? || Do I need at least one [photo;reference;signature]?
How do I show only unread messages? || How can I see just the unread messages?
How do I select the last row? || What is the way to select the last row?
How do I run a job every day? || How can I run a job daily?
Are some mushrooms poisonous? || Are there mushrooms that are poisonous?
Does the plan include all channels? || Are all channels included in the plan?
How do I get the last element of a tuple? || How can I access a tuple's last element?
Who are all the members of the board? || Can you list all members of the board?
What is the largest city in Bolivia? || Which city is the largest in Bolivia?
How do I count all files in a folder? || What is the way to count all of the files in a folder?
Can both parents take leave? || Is it possible for both parents to take leave?
Is each item tested? || Is every item tested?
Do you ship to all countries? || Do you ship to every country?
How often should I water a cactus? || How frequently should a cactus be watered?
How many people at most can attend? || What's the maximum number of people who can attend?
How do I find the second highest salary in SQL? || What SQL finds the second highest salary?
Do only citizens vote? || Is voting only for citizens?
Are most errors logged? || Do most of the errors get logged?
`,
  tense: `
Who is the head of [the WHO;the Red Cross;UNICEF]? || Can you tell me who the head of [the WHO;the Red Cross;UNICEF] is?
When was the [telescope;zipper;printing press] invented? || In what year was the [telescope;zipper;printing press] invented?
Why do [onions make us cry;leaves change colour;cats purr]? || What is the reason that [onions make us cry;leaves change colour;cats purr]?
How long will the [repair;visa;delivery] take? || What is the time that the [repair;visa;delivery] will take?
How much does a [haircut;guitar lesson;tow truck] cost? || What is the price of a [haircut;guitar lesson;tow truck]?
Where can I find my [receipts;badges;voucher]? || Where do I find my [receipts;badges;voucher]?
When will my order ship? || When is my order going to ship?
Should I learn piano as an adult? || Is it a good idea to learn piano as an adult?
How did the dinosaurs die out? || How did dinosaurs become extinct?
What was the cause of the first world war? || What caused the first world war?
Where was Chopin born? || What is the birthplace of Chopin?
Who invented the light bulb? || Who was the inventor of the light bulb?
How old is the universe? || What is the age of the universe?
How tall is Ben Nevis? || What is the height of Ben Nevis?
Do I have to tip in Japan? || Must I tip in Japan?
May I bring my dog? || Can I bring my dog?
Has my payment been processed? || Was my payment processed?
What are you able to do? || What can you do?
How was the pyramid built? || In what way was the pyramid built?
When do the gates open? || At what time do the gates open?
How many bones does a human have? || What is the number of bones in a human?
Who painted the Night Watch? || The Night Watch was painted by whom?
What will happen to the deposit? || What is going to happen with the deposit?
Who was the first emperor of Rome? || Do you know who the first emperor of Rome was?
`,
  dates: `
What is the weather in [Lima;Riga;Doha] tomorrow? || Tomorrow's weather in [Lima;Riga;Doha]?
What were our sales in [January;June;October] 2023? || How much did we sell in [January;June;October] 2023?
What time do you open on [Monday;Thursday;Sunday]? || On [Monday;Thursday;Sunday], what time do you open?
Is the office open on 24 December? || Is the office open on December 24th?
Book a room for 3 May || Please book a room for May 3
Meet me at 3 pm || Meet me at 15:00
What happened on 9 November 1989? || What took place on November 9, 1989?
Which movies came out last year? || What movies were released last year?
When is Easter in 2025? || What date is Easter in 2025?
Who won the cup in 1998? || Which team won the cup in 1998?
How many days are in February? || February has how many days?
What's on TV tonight? || What is on television tonight?
Can I move my appointment to Friday? || Could my appointment be moved to Friday?
Is the library open at weekends? || Is the library open on weekends?
What is due before 1 April? || What is due before April 1st?
Show last month's spending || Show me what was spent last month
What did it cost in the 1990s? || How much did it cost in the 90s?
Is the pool open this morning? || Is the pool open today in the morning?
When is the next full moon? || What is the date of the next full moon?
Do I pay monthly? || Do I have to pay every month?
What do I need to know for Monday's exam? || What do I need to know for the exam on Monday?
`,
};
