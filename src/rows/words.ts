// The words of generated text: 256 short English ones, so that eight random bits choose one. Plain ASCII, no quotes.

export const WORDS: readonly string[] = (
  "a about above account across action active add after again agent all also amount an and answer any api app are area " +
  "array as ask at audit auth away back base batch be before begin below best between big block body both branch buffer " +
  "build but by byte cache call can card cart case change check city class clean clear client close cloud code color come " +
  "commit common copy core cost count create current customer data date day default delete deny detail device disk do " +
  "done down drop each early east edge edit empty end enter error even event every exit fail fast few field file final find " +
  "first fix flag flow for form found free from full get give go good grant green group grow hand hard has hash head " +
  "health help here high home host hour how http if in index info input into is it item job join just keep key kind know " +
  "large last late layer leave left less level light like limit line link list live load local lock log long loop lost low " +
  "made mail main make map mark match may merge minute mode month more most move name near need new next night no node " +
  "not note now of off offer office old on one only open option or order other out over own page part pass path pay peer " +
  "plan point pool port post price query queue quick rate read ready record region reply report reset result retry return " +
  "role root route row rule run safe save scan"
).split(" ");
