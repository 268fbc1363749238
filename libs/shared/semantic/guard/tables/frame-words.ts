/** Words that frame a question and seldom are what it is about, so that a difference in them alone decides nothing. Our own table. */

/** Never counted as content. */
export const FUNCTION_WORDS = `
's a an the this that these those some any my your his her its our their mine yours ours theirs i me you he him she it we us they them myself yourself himself
herself itself ourselves themselves who whom whose which what when where why how and or but so if then than as of at by for from in into on onto off out up
down to with about between among through during over under within along across around per via is am are was were be been being do does did doing done have
has had having will would shall should can could may might must ought not no never nor please thanks thank kindly hi hello hey just also too very really
actually basically simply quite rather there here again still yet ever even only both either neither each every all whether because since until while though
although however yes ok okay well like such own other another else more most much many few less least lot lots kind sort type thing things something anything
someone anyone one ones im ive id etc eg ie vs versus get gets got getting go goes going gone went let lets make makes made making take takes took taking taken
come comes came put use used using uses want wants wanted need needs needed know knows tell say says said give gives gave given
able possible allowed supposed do-i wanna gonna isnt dont doesnt didnt cant wont shouldnt couldnt wouldnt
`;

/** Content that a person may leave out or put otherwise. */
export const FRAME_WORDS = `
way method step procedure reason mean meaning difference purpose point best good better great nice proper right correct easy easiest simple quick fast fastest
effective efficient ideal suitable useful recommended find found look looking see seen show explain describe understand learn think believe feel try trying help
advise suggest recommend answer question information info detail details example idea ideas tip tips advice opinion thought view fact work works working happen
happens happened start begin set setup exactly currently current now today nowadays actual real true truly different various several certain specific particular
general common usual normal typical main major important new old long time times year day place part side case number amount level people person someone guy man
human life world wonder wondering curious question ask asked asking call called name named case possible impossible must-have become becoming keep keeping kept
mean means meant thing stuff piece bit sure hope hi anyone everybody everyone somebody job going try wish like love prefer choose able create write read build
done achieve reach handle deal manage improve order follow following according based related regarding concerning involved include including contain consist
without within also again instead besides exist exists existing available usually normally generally often always sometimes mostly mainly probably maybe possibly
definitely absolutely literally big large small little high low short full whole entire complete completely total totally fully
`;

/** Beginnings that only ask politely; longer ones first. */
export const POLITENESS: readonly string[] = `
can you please tell me
could you please tell me
would you please tell me
can you tell me
could you tell me
please tell me
do you know
does anyone know
i would like to know
i want to know
i was wondering
tell me
is it true that
would you say that
can you explain
could you explain
please explain
explain
can anyone tell me
please
hi
hello
hey
`
  .trim()
  .split("\n");
