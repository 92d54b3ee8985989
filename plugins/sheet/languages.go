package sheet

import (
	"regexp"
	"strings"
)

// abroad finds in other languages of hospital records what speaks finds in English: calls for a score, orders to disregard instructions, words
// to a judge or a language model, and claims to be real. Texts are in small letters and without accents (unaccented).
//
// In Romance languages "ignora" is an order and a sentence about a patient who ignores. Such forms count only before "all" or "your":
// "olvida las instrucciones previas" is a finding, and "olvida todas las instrucciones previas" is none that clinicians write.
var abroad = regexp.MustCompile(strings.Join([]string{german, french, spanish, italian, portuguese, dutch}, "|"))

// done ends a claim: "is real", and not "is real sick".
const done = `(?: ?(?:$|[.,;:!?)\n"']))`

// ten is a score that a text asks for, as a number.
const ten = `(?:10|9)(?: ?(?:/|von|sur|de|su|van) ?10)?`

var german = strings.Join([]string{
	`\b(?:bewerte|bewerten sie|benote|benoten sie|beurteile|beurteilen sie|stufe|stufen sie) (?:bitte )?` +
		`(?:(?:dies\w*|den|die|das|jede\w*) (?:datensatz\w*|akte|patient(?:en|in)?|fall|zeile|eintrag|tabelle|daten)|dies\w*|das hier|das|es)` +
		`(?: bitte| hier| mit| als| der| die| den| einer?| punktzahl| note)*(?: ` + ten + done + `| zehn\b| (?:hochst|maximal|best)\w*| (?:plausibel|realistisch|echt|glaubwurdig|authentisch)` + done + `)`,
	`\b(?:gib|geben sie|vergib|vergeben sie) (?:bitte )?(?:(?:dies\w*|dem|der) (?:datensatz|akte|patient(?:en|in)?|fall|zeile|eintrag) |hier )?(?:bitte )?(?:die |eine |den )?` +
		`(?:(?:hochst|best|maximal|voll)\w* (?:punktzahl|punkte|note|bewertung|wertung|score)\b|(?:10|zehn) (?:punkte\b|von (?:10|zehn)\b))`,
	`\bdies\w* (?:datensatz|akte|fall|zeile|eintrag) (?:muss|soll|sollte) (?:mit \w+ )?(?:bewertet|benotet|behalten|akzeptiert) werden\b`,
	`\b(?:ignoriere|ignorieren sie|missachte|missachten sie|vergiss|vergessen sie|ubergehe|ubergehen sie|beachte|beachten sie) (?:bitte )?(?:nicht )?(?:all\w* |die |den |deine |ihre |jegliche )*` +
		`(?:vorherig|bisherig|vorig|obig|vorangegangen|vorangehend|fruher|vorstehend|ursprunglich)\w* (?:anweisung|instruktion|befehl|vorgabe|regel|richtlinie|prompt|kriteri)\w*`,
	`\b(?:vergiss|vergessen sie|ignoriere|ignorieren sie) alles (?:obige|oben|vorherige|bisherige|davor|was \w+ stand)`,
	`\b(?:du bist|sie sind) (?:jetzt |nun |ab jetzt )?(?:eine? |ein )?(?:\w+ )?(?:ki|sprachmodell|ki-\w+|chatbot|bewerter\w*)\b`,
	`\bsprachmodell\w*`, `\b(?:lieber?|hallo|achtung,?) (?:ki-\w+|prufer\w*|bewerter\w*|chatbot)\b`, `\b(?:nachricht|anweisung|hinweis) (?:an|fur) (?:die ki|das modell|den bewerter|den prufer)\b`,
	`\b(?:dies\w*|das|hier) (?:ist|sind|war) (?:\w+ )?(?:ein\w? )?(?:echte|reale|authentische|wirkliche|tatsachliche)\w? (?:patient(?:in|en)?|datensatz|daten|person|krankenakte|patientenakte|patientendaten)\b`,
	`\bdies\w* (?:datensatz|akte|zeile|eintrag|daten|patient(?:en|in)?|fall) (?:ist|sind|war) (?:\w+ )?(?:echt|real|authentisch|realistisch|plausibel|nicht (?:synthetisch|kunstlich|erfunden|simuliert|generiert))` + done,
	`\b(?:keine|nicht) synthetische\w? (?:daten|patient(?:en|in)?|akte|datensatz)`,
}, "|")

var french = strings.Join([]string{
	`\b(?:notez|note|evaluez|evalue|jugez|classez|cotez)(?:-le|-la)? (?:ce|cet|cette|le|la|chaque) (?:dossier|patiente?|cas|ligne|enregistrement|fiche|entree|tableau)` +
		`(?: a| avec| comme| etant| de| la| une?| note)*(?: ` + ten + done + `| dix\b| maxim\w+| (?:plausible|realiste|reel|reelle|authentique|credible)` + done + `)`,
	`\b(?:donnez|donne|attribuez|attribue|accordez|accorde|mettez|mets)(?:-lui|-moi)? (?:a (?:ce|cette|cet) \w+ )?(?:la|le|une|un) ` +
		`(?:(?:meilleure?|plus haute?) (?:note|score|notation)\b|(?:note|score|notation) (?:maximale?|parfaite?|la plus (?:elevee|haute)|(?:de )?(?:10|dix)\b))`,
	`\b(?:ce|cet|cette) (?:dossier|cas|ligne|enregistrement|fiche) (?:doit|devrait) etre (?:note|notee|conserve|conservee|garde|gardee|accepte|acceptee)\b`,
	`\b(?:ignorez|oubliez|negligez|ne tenez pas compte|ne tiens pas compte|faites abstraction) (?:de |d')?(?:toutes? |tous |les |des |vos |ces )*` + frenchOrders,
	`\b(?:ignore|oublie) (?:toutes? |tous |tes )(?:les |tes |ces )?` + frenchOrders,
	`\b(?:ignorez|oubliez|oublie|ignore) tout ce qui precede\b`,
	`\b(?:tu es|vous etes) (?:maintenant |desormais )?une? (?:\w+ )?(?:ia|intelligence artificielle|modele de langage|assistant|evaluateur|chatbot)\b`,
	`\bmodeles? de langage\b`, `\b(?:cher|chere|bonjour|attention) (?:evaluat\w+|annotat\w+|modele de langage|chatbot)\b`, `\b(?:message|instructions?|consignes?) (?:a|pour) l'(?:ia|evaluateur)\b`,
	`\b(?:ceci est|c'est|voici|il s'agit)(?: bien| vraiment)? (?:d'une? |une? )(?:vraie?|veritable|reel|reelle|authentique) (?:patiente?|dossier|personne|enregistrement)\b`,
	`\b(?:ceci est|c'est|voici|il s'agit)(?: bien| vraiment)? (?:d'une? |une? )(?:patiente?|dossier|personne|enregistrement) (?:reel|reelle|authentique|veritable)` + done,
	`\b(?:ce|cet|cette|ces) (?:dossier|patiente?|enregistrement|ligne|donnees|fiche|cas) (?:est|sont|etait)(?: \w+)? (?:(?:reel|authentique|realiste|plausible)\w*|(?:pas|non) (?:synthetique|simule|invente|fictif|genere)\w*)` + done,
	`\bn'(?:est|etait|ont|sont) pas (?:synthetique|simule|fictif|un patient (?:fictif|synthetique)|un dossier synthetique)s?\b`,
}, "|")

const frenchOrders = `(?:instructions?|consignes?|directives?|regles?|criteres?|ordres?) (?:precedent|anterieur|ci-dessus|initial|du systeme|d'evaluation)`

var spanish = strings.Join([]string{
	`\b(?:puntua|puntue|califica|califique|evalua|evalue|valora|valore|clasifica|clasifique|marca|marque) (?:a )?(?:est[ea]|el|la|al|cada) (?:registro|paciente|caso|fila|entrada|ficha|historia)` +
		`(?: con| como| a| de| una?| el| la)*(?: ` + ten + done + `| diez\b| maxim\w+| (?:plausible|realista|real|autentic[oa]|creible)` + done + `)`,
	`\b(?:dale|dele|da|de|asigna|asigne|otorga|otorgue|pon|ponga) a est[ea] (?:registro|paciente|caso|fila|entrada|ficha) (?:la |el |una |un )?(?:(?:maxim[ao]|mejor) (?:puntuacion|calificacion|nota|puntaje)\b|(?:puntuacion|calificacion|nota|puntaje) (?:de )?(?:10|diez|maxim[ao])\b|10\b|diez\b)`,
	`\b(?:asigne|otorgue|ponga|asigna|otorga|dale|dele) (?:la |una )?(?:maxima|mejor) (?:puntuacion|calificacion|nota)\b|\b(?:asigne|otorgue|ponga|asigna|otorga|dale|dele) la (?:puntuacion|calificacion|nota) (?:maxima|mas alta)\b`,
	`\best[ea] (?:registro|caso|fila|entrada|ficha) debe (?:ser )?(?:puntuad[oa]|calificad[oa]|conservad[oa]|aceptad[oa]|puntuarse|calificarse|conservarse)\b`,
	`\b(?:ignore|ignorad|olvide|omita|descarte|desestime|no tengas en cuenta|no tenga en cuenta) (?:todas? |cualquier |las |los |tus |sus |estas )*` + spanishOrders,
	`\b(?:ignora|olvida|omite|descarta) (?:todas |tus )(?:las |tus )?` + spanishOrders,
	`\b(?:ignora|ignore|olvida|olvide) todo lo (?:anterior|de arriba|previo)\b`,
	`\b(?:eres|usted es)(?: ahora)? una? (?:\w+ )?(?:ia|inteligencia artificial|modelo de lenguaje|asistente|juez|evaluador|chatbot)\b`,
	`\bmodelos? de lenguaje\b`, `\b(?:estimad[oa]|querid[oa]|hola|atencion),? (?:evaluador\w*|revisor de ia|juez|modelo|chatbot)\b`, `\b(?:mensaje|instruccion|instrucciones) para (?:la ia|el evaluador|el modelo|el juez)\b`,
	`\b(?:est[eao]|se trata|aqui hay)(?: registro)? (?:es |de )(?:un|una|de un|de una) (?:verdader[oa] |autentic[oa] )(?:paciente|registro|historia|persona)\b`,
	`\b(?:est[eao] es|se trata de)(?: realmente)? una? (?:paciente|registro|persona|historia clinica) (?:real|autentic[oa]|verdader[oa])` + done,
	`\best[eao]s? (?:registro|paciente|fila|entrada|ficha|datos|caso) (?:es|son|era)(?: \w+)? (?:real|reales|autentic[oa]s?|realista|plausible)` + done,
	`\bno (?:es|son|era) (?:un |una )?(?:registro |paciente |datos )?(?:sintetic[oa]s?|simulad[oa]s?|fictici[oa]s?|generad[oa]s? por)` + `\b`,
}, "|")

const spanishOrders = `(?:instrucci(?:on|ones)|directrices|ordenes|reglas|normas|criterios) (?:anterior|previa|previo|de arriba|inicial|del sistema|precedente|de evaluacion)`

var italian = strings.Join([]string{
	`\b(?:valuta|valuti|valutate|giudica|giudichi|classifica|classifichi) (?:quest[oa] |quest'|il |la |ogni )(?:record|cartella|paziente|caso|riga|scheda|voce)` +
		`(?: con| come| a| di| una?| il| voto)*(?: ` + ten + done + `| dieci\b| (?:il )?massim\w+| (?:plausibile|realistic[oa]|reale|autentic[oa]|credibile)` + done + `)`,
	`\b(?:dai|dia|date|assegna|assegni|assegnate|attribuisci|attribuisca) (?:a quest[oa] \w+ )?(?:il |un |la )?(?:(?:massim[oa]|miglior) (?:punteggio|voto|valutazione)\b|(?:punteggio|voto) (?:massimo|piu alto|(?:di )?(?:10|dieci)\b))`,
	`\bquest[oa] (?:record|caso|riga|scheda|cartella) deve essere (?:valutat|conservat|tenut|accettat)[oa]\b`,
	`\b(?:ignori|ignorate|dimentichi|dimenticate|trascuri|trascurate|non considerare|non tenere conto) (?:di |delle )?(?:tutte |tutti |le |i |gli |ogni )*` + italianOrders,
	`\b(?:ignora|dimentica|trascura) (?:tutte |tutti |le tue |ogni )(?:le |i |gli |tue )*` + italianOrders,
	`\b(?:ignora|ignori|dimentica|dimentichi) tutto (?:cio|quello) che (?:precede|e scritto sopra)\b`,
	`\b(?:sei|lei e)(?: ora| adesso)? (?:un |una |un')(?:\w+ )?(?:ia|intelligenza artificiale|modello linguistico|assistente|giudice|valutatore|chatbot)\b`,
	`\bmodell[oi] linguistic[oi]\b`, `\b(?:caro|cara|gentile|salve|attenzione),? (?:valutatore|valutatrice|modello|chatbot)\b`, `\b(?:messaggio|istruzioni?) per (?:l'ia|il valutatore|il modello|il giudice)\b`,
	`\b(?:quest[oa] e|si tratta di)(?: davvero| proprio)? (?:un |una |un')?(?:vero|vera|autentic[oa]) (?:paziente|record|cartella|persona)\b`,
	`\b(?:quest[oa] e|si tratta di)(?: davvero| proprio)? una? (?:paziente|record|cartella|persona) (?:reale|vero|vera|autentic[oa])` + done,
	`\bquest[oaie] (?:record|paziente|riga|scheda|cartella|dati|caso) (?:e|sono|era)(?: \w+)? (?:real[ei]|autentic[oaie]|realistic[oa]|plausibile|ver[oai])` + done,
	`\bnon (?:e|sono|era) (?:un |una )?(?:record |paziente |dati )?(?:sintetic[oaie]|simulat[oaie]|fittizi[oae]?|generat[oaie] da)\b`,
}, "|")

const italianOrders = `(?:istruzion[ei]|direttive|regole|criteri|ordini|indicazioni) (?:precedent|anterior|di cui sopra|sopra|inizial|del sistema|di valutazione)`

var portuguese = strings.Join([]string{
	`\b(?:avalie|pontue|classifique|julgue|marque) (?:est[ea]|o|a|cada) (?:registro|registo|paciente|caso|linha|prontuario|ficha|entrada)` +
		`(?: com| como| a| de| uma?| nota)*(?: ` + ten + done + `| dez\b| (?:a |o )?maxim\w+| (?:plausivel|realista|real|autentic[oa]|credivel)` + done + `)`,
	`\b(?:de|atribua|conceda) (?:a est[ea] \w+ )?(?:a |uma )?(?:(?:nota|pontuacao) (?:maxima|mais alta)|(?:maxima|melhor) (?:nota|pontuacao))\b|\b(?:atribua|conceda) (?:a |uma )?(?:nota|pontuacao) (?:de )?(?:10|dez)\b`,
	`\best[ea] (?:registro|registo|caso|linha|ficha) deve ser (?:avaliad|pontuad|mantid|aceit)[oae]`,
	`\b(?:ignore|esqueca|desconsidere|despreze|nao considere) (?:todas? |quaisquer |as |os |suas |essas |estas )*` + portugueseOrders,
	`\b(?:ignora|esquece|desconsidera) (?:todas |tuas |suas )(?:as |tuas |suas )?` + portugueseOrders,
	`\b(?:ignore|ignora|esqueca|esquece) tudo (?:o )?(?:que (?:vem|esta|foi dito) )?(?:acima|antes|anterior)\b`,
	`\b(?:voce e|tu es)(?: agora)? uma? (?:\w+ )?(?:ia|inteligencia artificial|modelo de linguagem|assistente|juiz|avaliador|chatbot)\b`,
	`\bmodelos? de linguagem\b`, `\b(?:car[oa]|prezad[oa]|ola|atencao),? (?:avaliador\w*|juiz|modelo|chatbot)\b`, `\b(?:mensagem|instruc(?:ao|oes)) para (?:a ia|o avaliador|o modelo|o juiz)\b`,
	`\b(?:est[ea] e|isto e|trata-se de)(?: realmente| mesmo)? uma? (?:verdadeir[oa] |autentic[oa] )(?:paciente|registro|registo|pessoa|prontuario)\b`,
	`\b(?:est[ea] e|isto e|trata-se de)(?: realmente| mesmo)? uma? (?:paciente|registro|registo|pessoa|prontuario) (?:real|verdadeir[oa]|autentic[oa])` + done,
	`\best[ea]s? (?:registro|registo|paciente|linha|prontuario|ficha|dados|caso) (?:e|sao|era)(?: \w+)? (?:real|reais|autentic[oa]s?|realista|plausivel|verdadeir[oa])` + done,
	`\bnao (?:e|sao|era) (?:um |uma )?(?:registro |registo |paciente |dados )?(?:sintetic[oa]s?|simulad[oa]s?|fictici[oa]s?|gerad[oa]s? por)\b`,
}, "|")

const portugueseOrders = `(?:instruc(?:ao|oes)|diretrizes|diretivas|regras|criterios|ordens|orientacoes) (?:anterior|previa|acima|inicia|do sistema|precedente|de avaliacao)`

var dutch = strings.Join([]string{
	`\b(?:beoordeel|scoor|waardeer|markeer) (?:dit|deze|het|de|elk|elke) (?:dossier|record|patient|rij|regel|casus)` +
		`(?: met| als| een| op| de| het)*(?: ` + ten + done + `| tien\b| (?:maximaal|hoogst\w*|maximale)| (?:plausibel|aannemelijk|realistisch|echt|authentiek)` + done + `)`,
	`\b(?:geef|ken) (?:(?:dit|deze|het|de) (?:dossier|record|patient|rij|regel|casus) |hier )?(?:de |een )?(?:(?:hoogste|maximale|beste) (?:score|cijfer|beoordeling|punten)\b|(?:score|cijfer) (?:van )?(?:10|tien)\b)`,
	`\b(?:dit|deze) (?:dossier|record|rij|regel|casus) moet (?:met \w+ )?(?:beoordeeld|behouden|geaccepteerd|gescoord) worden\b|\b(?:dit|deze) (?:dossier|record|rij|regel) moet worden (?:beoordeeld|behouden|geaccepteerd|gescoord)\b`,
	`\b(?:negeer|vergeet) (?:alstublieft )?(?:alle |de |je |jouw |uw |al )*(?:vorige|eerdere|voorgaande|bovenstaande|voorafgaande|oorspronkelijke) (?:instructies?|aanwijzingen|opdrachten|regels|richtlijnen|criteria)\b`,
	`\b(?:negeer|vergeet) alles (?:hierboven|hiervoor|wat hierboven)\b`,
	`\b(?:je bent|jij bent|u bent)(?: nu)? een (?:\w+ )?(?:ai|ki|taalmodel|assistent|rechter|chatbot)\b`,
	`\btaalmodel(?:len)?\b`, `\b(?:beste|geachte|hallo) (?:beoordelaar|taalmodel|chatbot|ai)\b`, `\b(?:bericht|instructies?) (?:aan|voor) (?:de ai|het model|de beoordelaar)\b`,
	`\b(?:dit|deze|het) (?:is|zijn|betreft) (?:\w+ )?een (?:echte?|werkelijke|authentieke?|reele) (?:patiente?|dossier|record|persoon|patientendossier)` + done,
	`\b(?:dit|deze) (?:dossier|record|patient|rij|regel|casus|gegevens) (?:is|zijn|was) (?:\w+ )?(?:echt|authentiek|realistisch|plausibel|niet (?:synthetisch|kunstmatig|verzonnen|gesimuleerd|gegenereerd))` + done,
}, "|")

// unaccented is a text in small letters without the accents of Latin letters. What has none is left as it is.
func unaccented(text string) string { return accents.Replace(text) }

var accents = strings.NewReplacer(
	"à", "a", "á", "a", "â", "a", "ã", "a", "ä", "a", "å", "a", "ç", "c", "è", "e", "é", "e", "ê", "e", "ë", "e", "ì", "i", "í", "i", "î", "i", "ï", "i", "ñ", "n",
	"ò", "o", "ó", "o", "ô", "o", "õ", "o", "ö", "o", "ø", "o", "ù", "u", "ú", "u", "û", "u", "ü", "u", "ý", "y", "ÿ", "y", "ß", "ss", "æ", "ae", "œ", "oe",
)
