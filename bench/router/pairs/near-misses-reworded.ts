/** Near-misses that are also worded differently, so that a look at the one changed word is not enough. By kind; see `lines.ts`. */

export const NEAR_MISSES_REWORDED: Readonly<Record<string, string>> = {
  negation: `
Which berries can I eat? || What berries must I not eat?
How can I cook pasta with salt? || What is the way of cooking pasta when I have no salt?
Reasons that people vote || Why do some people never vote?
Is it okay to swim after lunch? || Is it not okay to swim after lunch?
What can I put in the recycling bin? || What can't I put into the recycling bin?
Which plants need sunlight? || Name plants that don't need any sunlight
Explain why the test passes || Can you explain why the test does not pass?
How do I travel with a dog? || I want to travel without my dog, how?
Who qualifies for the grant? || Which people do not qualify for the grant?
When is a permit required? || In which cases is no permit required?
`,
  polarity: `
How do I switch on location sharing? || Please tell me how to disable location sharing
What is the most affordable phone plan? || Which phone plan is the priciest?
How can I make my text bigger? || I want to make my text smaller, how do I do that?
What's the way to add a user to a group? || How can I remove a user from a group?
Is now a good moment to buy a house? || Should I sell my house now?
How do I raise my credit score? || What will lower my credit score?
Which is the fastest sorting algorithm? || What sorting algorithm is slowest?
How do I let guests in on my wifi? || How can I block guests from my wifi?
Steps to arm the alarm || How do I disarm the alarm?
How do I follow a topic? || What is the way to unfollow a topic?
Can I get my account reactivated? || Can I have my account deactivated?
What speeds up healing? || What slows down healing?
`,
  scope: `
Show me every unpaid bill || Show me the first unpaid bill
Which features are on all plans? || Which features are only on some plans?
Can all staff park here? || Is parking here only for some of the staff?
How do I delete all my photos? || How can I delete only one of my photos?
At least how many people must sign? || What is the most people that may sign?
Who is the tallest player? || Who is the second tallest player?
Does each child need a ticket? || Does no child need a ticket?
Explain the whole chapter || Explain just part of the chapter
`,
  language: `
How do I say sorry in Thai? || What is the word for sorry in Vietnamese?
Please answer in Dutch: what is a mortgage? || What is a mortgage? Answer in Swedish
How does one count to ten in Welsh? || I want to count to ten in Irish
Is the form available in Spanish? || Can I get the form in Catalan?
`,
  code: `
What does \`git stash pop\` do? || Explain what \`git stash drop\` does
Explain \`x += 1\` || What is the meaning of \`x -= 1\`?
When is \`a and b\` true? || When do I get true from \`a or b\`?
How do I use \`Array.some\`? || What is the use of \`Array.every\`?
`,
  tense: `
Who leads the project? || Who used to lead the project?
What will my pension be? || What was my pension?
When does the course start? || When did the course start?
How do I apply for a permit? || Why do I have to apply for a permit?
Where can I renew my card? || When can I renew my card?
Could I bring a guest? || Do I have to bring a guest?
Did the train leave? || Is the train going to leave?
How much is the fine? || How is the fine paid?
`,
  dates: `
What did we sell on Wednesday? || Tell me our sales of Thursday
Is the shop open tomorrow? || Was the shop open yesterday?
Total spend in 2019 || How much did we spend during 2020?
I need a taxi for 6 in the morning || Get me a taxi for 6 in the evening
When is spring break? || What are the dates of the autumn break?
Rain in March in Porto || Does it rain in November in Porto?
How were earnings last year? || How are earnings this year?
Can I still return it after 30 May? || Can I return it before 30 May?
`,
  numbers: `
What is 20% of 60? || How much is 12 percent of 60?
How do I feed a family of four? || What can I cook for a family of six?
Give me five tips for interviews || I'd like ten tips for interviews
What changed in version 2.3? || What's new in version 3.2?
Is 6 hours of sleep enough? || Will 8 hours of sleep do?
Can a 16 year old drive here? || May an 18 year old drive here?
What is the fee for 3 bags? || How much do I pay for 2 bags?
Describe the first law of thermodynamics || What does the second law of thermodynamics say?
`,
  units: `
How much is 60 kg of cement? || What do 60 pounds of cement cost?
Can I walk 8 miles in a morning? || Is walking 8 km in a morning possible?
Set the cache to 5 minutes || How can the cache be set to 5 hours?
Is 40 degrees C hot for a bath? || Is a bath at 40 degrees Fahrenheit hot?
What does 1 TB of storage cost? || What's the price of 1 GB of storage?
What is 500 euros worth? || How much are 500 pounds worth?
`,
  names: `
What should I see in Vienna? || Which sights are worth seeing in Venice?
How can I parse XML in PHP? || What is the way to parse XML in Perl?
Is Firefox safe? || How safe is Chrome?
How do I look after a hamster? || What care does a tortoise need?
Tell me the history of the BBC || What's the history of CNN?
Can I use Kafka for queues? || Is RabbitMQ fit for queues?
How do I cook lentils? || What is the way to cook quinoa?
Which vitamins are in kiwis? || What vitamins do carrots have?
How much does a vet earn? || What is the salary of a dentist?
How is asthma treated? || What is the treatment of bronchitis?
What did Newton discover? || What are the discoveries of Darwin?
How do I get a permit in Chile? || How can one obtain a permit in Bolivia?
`,
  swaps: `
How do I go from Ghent to Bruges? || What is the best way from Bruges to Ghent?
Why did Anna leave Paul? || What made Paul leave Anna?
I want to turn Celsius into Kelvin || How can I turn Kelvin into Celsius?
Is the buyer liable to the agent? || Is the agent liable to the buyer?
How do I export from Figma to Sketch? || What is the way to export from Sketch to Figma?
How does the moon pull the earth? || How does the earth pull the moon?
Swap the milk for cream || Swap the cream for milk
How is Word turned into PDF? || How is PDF turned into Word?
`,
};
