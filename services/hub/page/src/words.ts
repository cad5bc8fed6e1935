// What the services' codes mean, in words for people.

const kSilences: Record<string, string> = {
  no_participants: "None of the cast is in this channel.",
  empty_history: "Nothing has been said yet.",
  not_a_person: "Nobody has said anything to them.",
  below_threshold: "Nobody felt spoken to. Say a name, or ask something.",
  out_of_energy: "The cast has talked itself out. It waits for you.",
  not_addressed: "That was meant for somebody else.",
  quiet: "Quiet was asked for. Who is called by name still answers.",
  at_rest: "They could have gone on, but nobody felt like it.",
  interrupted_by_person: "You spoke, so the line that was coming was dropped.",
  superseded: "The talk had moved on before the line was ready.",
  undelivered: "The line could not be posted: that character's bot is away.",
  another_speaks: "Somebody else had the floor.",
  deadline_exceeded: "There was no line in time.",
  unavailable: "A service behind the stage is away.",
  overloaded: "There was too much to do at once.",
  internal: "Something went wrong behind the stage.",
};

const kLines: Record<string, string> = {
  passed: "passed the judge",
  best_draft: "no draft passed; the best one was said",
  dodge: "no draft would do, so it dodged",
  recovered: "finished after a restart",
};

const plain = (code: string) => code.replaceAll("_", " ");

export const silence = (reason: string) =>
  kSilences[reason] ?? (reason ? `Nobody spoke: ${plain(reason)}.` : "Nobody spoke.");
export const spoken = (reason: string) => kLines[reason] ?? plain(reason);
export const readable = plain;

export const kTerms: Record<string, string> = {
  addressed: "spoken to",
  topic: "topic",
  pending: "owes an answer",
  talkativeness: "talkative",
  fairness: "fairness",
  repetition: "said it before",
  fatigue: "tired",
};

export const kComponents: { key: string; name: string; share: number; about: string }[] = [
  { key: "authenticity", name: "Authenticity", share: 25, about: "sounds like the character" },
  { key: "flow", name: "Flow", share: 30, about: "follows from what was said" },
  { key: "engagement", name: "Engagement", share: 20, about: "worth answering" },
  { key: "grounding", name: "Grounding", share: 20, about: "claims what the sources say" },
  { key: "safety", name: "Safety", share: 5, about: "hurts nobody" },
];
