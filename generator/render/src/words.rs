//! The words of the pages, English and French side by side: a text that lacks a language does not compile.
//!
//! `{name}` is filled in; a test holds the two languages to the same names. French keeps its spaces before `:` `;` `?` `!`
//! and in numbers from breaking (`\u{a0}`, `\u{202f}`); another test looks for those that would.

macro_rules! words {
    ($($name:ident: $english:literal, $french:literal;)+) => {
        /// Every text of the pages that is not somebody else's.
        #[derive(Debug)]
        pub(crate) struct Words { $(pub(crate) $name: &'static str,)+ }

        /// English.
        pub(crate) static ENGLISH: Words = Words { $($name: $english,)+ };

        /// French.
        pub(crate) static FRENCH: Words = Words { $($name: $french,)+ };

        #[cfg(test)]
        const PAIRS: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $french),)+];
    };
}

words! {
    // The frame.
    skip: "Skip to content", "Aller au contenu";
    trust_record: "trust record", "registre de confiance";
    nav_main: "Main", "Navigation principale";
    nav_language: "Language", "Langue";
    nav_overview: "Overview", "Vue d’ensemble";
    nav_disclosure: "Disclosure", "Divulgation";
    footer: "Generated from {n} log entries, root {root}. This page is a view: {verify}.", "Généré à partir de {n} entrées du journal, racine {root}. Cette page est une vue\u{a0}: {verify}.";
    footer_verify: "verify it yourself", "vérifiez-la vous-même";
    footer_json: "This page as JSON", "Cette page en JSON";
    root_sentence: "What we claim about security, and what we can show.", "Ce que nous affirmons en matière de sécurité, et ce que nous pouvons montrer.";
    missing_page: "There is no page at this address. Pages of evidence never move; the overview leads to all of them:", "Aucune page à cette adresse. Les pages de preuve ne bougent jamais\u{202f}; la vue d’ensemble mène à toutes\u{a0}:";
    colon: ": ", "\u{a0}: ";
    none: "none", "aucun";
    n_of_m: "{n} of {m}", "{n} sur {m}";

    // States, always with their shape and colour.
    state_pass: "Passed", "Tenu";
    state_fail: "Failed", "Échec";
    state_error: "Could not be tested", "N’a pas pu être testé";
    state_no_data: "Not tested", "Non testé";
    state_stale: "Out of date", "Périmé";
    // What it lacks stands beside it: for whoever reads, nothing was tested either way.
    state_not_configured: "Not tested", "Non testé";
    state_partly: "Tested in part", "Testé en partie";
    state_waived: "Waived", "Dérogation";
    state_waived_until: "Waived until {day}", "Dérogation jusqu’au {day}";
    state_inherited: "Inherited (provider’s word)", "Hérité (parole du fournisseur)";
    state_planned: "Planned", "Prévu";
    state_not_applicable: "Not applicable", "Sans objet";
    standing_satisfied: "Satisfied", "Satisfaite";
    standing_not_satisfied: "Not satisfied", "Non satisfaite";
    standing_undetermined: "Undetermined", "Indéterminée";
    standing_gap: "Gap", "Lacune";
    standing_gap_due: "Gap, due {day}", "Lacune, à combler d’ici au {day}";
    holds: "Holds", "Respecté";
    does_not_hold: "Does not hold", "Non respecté";
    missed: "Missed", "Manqué";
    late: "Late", "En retard";
    not_run: "Not run", "Non exécuté";
    not_yet_recorded: "Not yet recorded", "Pas encore enregistré";
    outcome_pass: "Passed", "Réussi";
    outcome_fail: "Failed", "Échoué";
    outcome_error: "Could not be tested", "N’a pas pu être testé";
    outcome_not_exercised: "Too little examined", "Trop peu examiné";

    // Why a check stands as it does.
    because_unfilled: "It cannot be asked until this is configured: {keys}.", "Ne peut être posé tant que ceci n’est pas configuré\u{a0}: {keys}.";
    because_never_asked: "It was never asked.", "N’a jamais été posé.";
    because_too_few: "Too little was examined to mean anything.", "Trop peu d’éléments examinés pour en conclure quoi que ce soit.";
    because_could_not_ask: "It could not be asked: the subject was not reached, or the part that must work did not.", "N’a pas pu être posé\u{a0}: sujet injoignable, ou la partie qui doit fonctionner ne fonctionnait pas.";
    because_too_old: "The last answer has been too old since {time}.", "La dernière réponse est trop ancienne depuis le {time}.";
    because_other_release: "The last answer is about another release.", "La dernière réponse concerne une autre version.";
    because_release_unproven: "Nothing in the answer names the release it is about.", "Rien dans la réponse ne nomme la version concernée.";
    because_unreleased: "There is no release yet that it could be about.", "Il n’y a pas encore de version qu’il puisse concerner.";
    because_other_number: "Tested with {name} {tested}; the claim says {claimed}. This proves nothing of the claim.", "Testé avec {name} {tested}\u{202f}; l’affirmation dit {claimed}. Cela ne prouve rien de l’affirmation.";
    because_waived: "It failed, and is excused by {waiver} until {day}.", "Échec, excusé par {waiver} jusqu’au {day}.";
    because_not_applicable: "It does not apply: {reason}", "Sans objet\u{a0}: {reason}";
    because_from_the_future: "The answer is dated in the future: a clock is wrong.", "La réponse est datée du futur\u{a0}: une horloge est fausse.";

    // The overview.
    overview_title: "What we claim, and what we can show", "Ce que nous affirmons, et ce que nous pouvons montrer";
    sentence: "On {time}{release}, {tested} of our {total} security claims have been tested{results}.", "Le {time}{release}, {tested} de nos {total} affirmations de sécurité ont été testées{results}.";
    sentence_release: ", at release {release}", ", à la version {release}";
    sentence_no_release: ", before any release", ", avant toute version";
    hold_one: "{n} holds", "{n} tient";
    hold_many: "{n} hold", "{n} tiennent";
    failed_one: "{n} failed", "{n} a échoué";
    failed_many: "{n} failed", "{n} ont échoué";
    waived_one: "{n} failed under a waiver", "{n} a échoué sous dérogation";
    waived_many: "{n} failed under a waiver", "{n} ont échoué sous dérogation";
    undecided_one: "{n} could not be decided", "{n} n’a pu être tranchée";
    undecided_many: "{n} could not be decided", "{n} n’ont pu être tranchées";
    untested_one: "{n} is not tested", "{n} n’est pas testée";
    untested_many: "{n} are not tested", "{n} ne sont pas testées";
    inherited_one: "{n} rests on a provider’s word", "{n} repose sur la parole d’un fournisseur";
    inherited_many: "{n} rest on a provider’s word", "{n} reposent sur la parole d’un fournisseur";
    planned_one: "{n} is promised for later", "{n} est promise pour plus tard";
    planned_many: "{n} are promised for later", "{n} sont promises pour plus tard";
    not_applicable_one: "{n} does not apply", "{n} est sans objet";
    not_applicable_many: "{n} do not apply", "{n} sont sans objet";
    attention_title: "Open now", "En cours";
    attention_none: "Nothing is open now.", "Rien n’est en cours.";
    attention_since: ", since {day}", ", depuis le {day}";
    attention_sealed: "Details are sealed until released. ", "Les détails sont scellés jusqu’à leur publication. ";
    attention_retention: "The retention of {rule} is not proven to hold.", "Rien ne prouve que la conservation de {rule} est respectée.";
    attention_missed_one: "{job} of {time} did not happen.", "{job} du {time} n’a pas eu lieu.";
    attention_missed_many: "{job} did not happen {n} times from {time}.", "{job} n’a pas eu lieu {n} fois à partir du {time}.";
    attention_waiver: "{waiver} excuses a failing check until {day}.", "{waiver} excuse un contrôle en échec jusqu’au {day}.";
    attention_waiver_unused: "{waiver}, until {day}, excuses nothing: no check fails that needs it.", "{waiver}, jusqu’au {day}, n’excuse rien\u{a0}: aucun contrôle en échec n’en a besoin.";
    attention_late: "This record is older than its schedule: the next run was due on {time}.", "Ce registre est plus ancien que son calendrier\u{a0}: l’exécution suivante était due le {time}.";
    attention_two_commits: "Version {version} was seen with two commits.", "La version {version} a été vue avec deux commits.";
    job_run: "The run", "L’exécution";
    job_purge: "The purge", "La purge";
    fact_release: "Current release", "Version actuelle";
    fact_sbom: "Software bill of materials", "Nomenclature logicielle (SBOM)";
    fact_last_run: "Last run (UTC)", "Dernière exécution (UTC)";
    fact_gate: "Release gate", "Critère de publication";
    gate_satisfied: "Satisfied", "Satisfait";
    gate_not_satisfied: "Not satisfied", "Non satisfait";
    gate_could_not_tell: "Could not tell", "Indécis";
    components_one: "{n} component", "{n} composant";
    components_many: "{n} components", "{n} composants";
    posture: "Posture", "Posture";
    posture_caption: "Controls by state, the ones that need attention first. A control stands as its worst check.", "Mesures par état, celles qui demandent attention d’abord. Une mesure vaut ce que vaut son pire contrôle.";
    posture_empty: "No control is declared.", "Aucune mesure n’est déclarée.";
    requirements_caption: "How each requirement stands: satisfied only when every applicable control passes.", "État de chaque exigence\u{a0}: satisfaite seulement si chaque mesure applicable est tenue.";
    requirements_empty: "No standard is mapped.", "Aucune norme n’est reliée.";
    overview_threats: "What could go wrong, what stands against it, and what this record cannot show: {link}.", "Ce qui peut mal tourner, ce qui s’y oppose, et ce que ce registre ne peut montrer\u{a0}: {link}.";
    threats_link: "the threat model", "le modèle de menaces";
    report: "Found something? Write to {contact}. {policy}", "Vous avez trouvé quelque chose\u{202f}? Écrivez à {contact}. {policy}";
    report_triage: "Found something? Write to {contact}: a triage decision follows within {triage}. {policy}", "Vous avez trouvé quelque chose\u{202f}? Écrivez à {contact}\u{a0}: une décision de tri suit sous {triage}. {policy}";
    report_unconfigured: "No contact for reports is configured yet. The key is {key}.", "Aucun contact pour les signalements n’est encore configuré. La clé est {key}.";
    policy_link: "Disclosure policy", "Politique de divulgation";

    // Headings of tables.
    control: "Control", "Mesure";
    controls: "Controls", "Mesures";
    claim: "Claim", "Affirmation";
    claims_hold: "Claims that hold", "Affirmations tenues";
    state: "State", "État";
    standing: "Standing", "État";
    strength: "Strength", "Force";
    check: "Check", "Contrôle";
    question: "Question", "Question";
    evidence: "Evidence", "Preuve";
    last_tested_utc: "Last tested (UTC)", "Dernier test (UTC)";
    tested_on: "Tested on", "Testé sur";
    requirement: "Requirement", "Exigence";
    kind: "Kind", "Sorte";
    keys: "Configuration keys", "Clés de configuration";
    example: "Example", "Exemple";
    must_answer: "Must be judged", "Doit être jugé";
    answered: "Was judged", "A été jugé";
    release: "Release", "Version";
    commit: "Commit", "Commit";
    committed_utc: "Committed (UTC)", "Date du commit (UTC)";
    components: "Components", "Composants";
    file: "File", "Fichier";
    format: "Format", "Format";
    run_utc: "Run (UTC)", "Exécution (UTC)";
    undecided: "Undecided", "Indécis";
    entry: "Entry", "Entrée";
    recorded_utc: "Recorded (UTC)", "Enregistrée (UTC)";
    what: "What", "Nature";
    about: "About", "Sujet";
    outcome: "Outcome", "Résultat";
    examined_title: "Examined", "Examiné";
    positive_control: "Positive control", "Témoin positif";
    bound_to: "Bound to", "Lié à";
    threat: "What could go wrong", "Ce qui peut mal tourner";
    stands_against: "What stands against it", "Ce qui s’y oppose";
    data: "Data", "Données";
    kept_for: "Kept for", "Conservées";
    removed_30_days: "Removed, 30 days", "Supprimées, 30 jours";
    oldest_row: "Oldest row", "Ligne la plus ancienne";
    proof: "Proof", "Preuve";

    // Controls and requirements.
    controls_title: "Controls", "Mesures";
    controls_lede: "{controls} controls carry {claims} claims, decided by {checks} checks.", "{controls} mesures portent {claims} affirmations, tranchées par {checks} contrôles.";
    controls_kinds: "How a check asks, and which defects it is known to catch: {link}. Which defects turn each claim: {trials}.", "Comment un contrôle interroge, et quels défauts il sait détecter\u{a0}: {link}. Quels défauts font tomber chaque affirmation\u{a0}: {trials}.";
    trials_link: "how the checks were tried", "comment les contrôles ont été éprouvés";
    trials_title: "How the checks were tried", "Comment les contrôles ont été éprouvés";
    trials_lede: "The checks of {n} of {m} claims were tried by {program} on reference products of its own: each of these defects was built in, and exactly the claims bound to it stopped holding.", "Les contrôles de {n} affirmations sur {m} ont été éprouvés par {program} sur ses propres produits de référence\u{a0}: chacun de ces défauts y a été introduit, et seules les affirmations qui lui sont liées ont cessé de tenir.";
    trials_about: "This is the trial of the tool, not of this product: it says what a pass is worth. It counts for claims whose words and checks are those that come with the tool, and for no others.", "C’est l’outil qui a été éprouvé, non ce produit\u{a0}: cela dit ce que vaut un résultat tenu. Cela ne vaut que pour les affirmations dont le texte et les contrôles sont ceux fournis avec l’outil.";
    trials_defects: "Defects that turn it", "Défauts qui la font tomber";
    trials_not_tried: "Not tried", "Non éprouvée";
    trials_untested: "Not tested", "Non testée";
    kinds_link: "the kinds of check", "les sortes de contrôle";
    controls_others: "Other controls", "Autres mesures";
    baseline_title: "Baseline, not claimed", "Socle, non affirmé";
    baseline_about: "Looked at in every repository, whatever is claimed. Nothing is promised by it, and no claim and no requirement stands better for it.", "Examiné dans tout dépôt, quelles que soient les affirmations. Rien n’est promis par là, et aucune affirmation ni exigence ne s’en trouve mieux.";
    baseline_control: "Baseline control", "Mesure du socle";
    requirement_no_controls: "No control addresses this requirement.", "Aucune mesure ne répond à cette exigence.";
    requirement_not_assessed: "This requirement has not been assessed yet.", "Cette exigence n’a pas encore été évaluée.";
    what_it_asks: "What it asks", "Ce qu’elle demande";
    decision: "Decision", "Décision";
    last_on: "Last tested on {time}.", "Dernier test le {time}.";
    last_on_release: "On {time}, release {release}.", "Le {time}, version {release}.";
    claims_hold_one: "{n} of {m} claim holds.", "{n} affirmation tenue sur {m}.";
    claims_hold_many: "{n} of {m} claims hold.", "Affirmations tenues\u{a0}: {n} sur {m}.";
    sealed_sentence: "The details of the failure are sealed until released.", "Les détails de l’échec sont scellés jusqu’à leur publication.";
    sealed_short: "Details are sealed until released.", "Détails scellés jusqu’à leur publication.";
    what_we_claim: "What we claim", "Ce que nous affirmons";
    claims_empty: "This control makes no claim yet.", "Cette mesure ne porte encore aucune affirmation.";
    alternatives: "One of these is enough: {checks}.", "Un seul de ceux-ci suffit\u{a0}: {checks}.";
    alternative_decided: "Decided by {check}.", "Décidé par {check}.";
    how_it_is_tested: "How it is tested", "Comment c’est testé";
    checks_caption: "Checks, the ones that need attention first.", "Contrôles, ceux qui demandent attention d’abord.";
    checks_empty: "No check decides this control: it is not tested.", "Aucun contrôle ne tranche cette mesure\u{a0}: elle n’est pas testée.";
    max_age: "an answer counts for {span}", "une réponse vaut {span}";
    examined: "{n} examined, {m} needed", "Examinés\u{a0}:\u{a0}{n}\u{202f}; requis\u{a0}:\u{a0}{m}";
    claim_says: "The claim says {numbers}.", "L’affirmation dit {numbers}.";
    configure: "How to configure it", "Comment la configurer";
    configure_caption: "These checks are asked once the keys are set; avouch doctor lists what can be found.", "Ces contrôles sont posés dès que les clés sont renseignées\u{202f}; avouch doctor liste ce qui peut être trouvé.";
    known_to_catch: "What the checks are known to catch", "Ce que les contrôles savent détecter";
    known_to_catch_about: "Every check can fail: each of these defects was planted, and the check’s kind caught it.", "Chaque contrôle peut échouer\u{a0}: chacun de ces défauts a été introduit, et la sorte du contrôle l’a détecté.";
    known_to_catch_nothing: "No defect has been planted for these checks.", "Aucun défaut n’a été introduit pour ces contrôles.";
    ninety_days: "Ninety days", "Quatre-vingt-dix jours";
    ninety_days_empty: "No run of the last ninety days answered these checks.", "Aucune exécution des quatre-vingt-dix derniers jours n’a répondu à ces contrôles.";
    strip_sentence: "Ninety days to {day}: {parts}.", "Quatre-vingt-dix jours jusqu’au {day}\u{a0}: {parts}.";
    days_passed_one: "{n} day passed", "{n} jour tenu";
    days_passed_many: "{n} days passed", "{n} jours tenus";
    days_failed_one: "{n} failed", "{n} en échec";
    days_failed_many: "{n} failed", "{n} en échec";
    days_other_one: "{n} undecided", "{n} indécis";
    days_other_many: "{n} undecided", "{n} indécis";
    days_missed_one: "{n} not run", "{n} non exécuté";
    days_missed_many: "{n} not run", "{n} non exécutés";
    days_before_one: "{n} before the record began", "{n} avant le début du registre";
    days_before_many: "{n} before the record began", "{n} avant le début du registre";
    as_table: "As a table", "Sous forme de tableau";
    days: "Days", "Jours";
    days_count: "Number of days", "Nombre de jours";
    satisfies: "Satisfies", "Répond à";
    satisfies_nothing: "This control is mapped to no requirement.", "Cette mesure n’est reliée à aucune exigence.";
    relation_subset: "a part of it", "en partie";
    relation_intersects: "they overlap", "recouvrement partiel";
    relation_superset: "all of it, and more", "en totalité, et au-delà";
    relation_equivalent: "the same", "équivalence";
    strength_must: "must hold", "doit être tenue";
    strength_should: "should hold", "devrait être tenue";
    strength_prohibits: "must never happen", "ne doit jamais arriver";
    strength_states: "stated as a fact", "énoncée comme un fait";
    strength_permits: "allowed", "permission";
    strength_planned: "promised for later", "promise pour plus tard";
    when_build: "at build", "à la construction";
    when_deploy: "at deployment", "au déploiement";
    when_operate: "in operation", "en exploitation";
    severity_low: "low severity", "gravité faible";
    severity_medium: "medium severity", "gravité moyenne";
    severity_high: "high severity", "gravité élevée";
    severity_critical: "critical severity", "gravité critique";

    // Kinds.
    kinds_title: "Kinds of check", "Sortes de contrôle";
    kinds_lede: "{kinds} kinds of check. Each is shown inputs that it must accept and defects that it must catch: {n} of {m} were judged rightly.", "{kinds} sortes de contrôle. À chacune sont présentés des cas à accepter et des défauts à détecter\u{a0}: {n} sur {m} ont été jugés correctement.";
    kinds_caption: "The kill matrix, counted. A kind that misses a planted defect proves nothing.", "La matrice de détection, en nombres. Une sorte qui manque un défaut introduit ne prouve rien.";
    kinds_empty: "No kind is described.", "Aucune sorte n’est décrite.";
    defects_caught: "Defects caught", "Défauts détectés";
    good_accepted: "Good inputs accepted", "Bons cas acceptés";
    kill_matrix: "Kill matrix", "Matrice de détection";
    kill_matrix_caption: "What the judge was shown, what it had to say, and what it said.", "Ce qui a été présenté au juge, ce qu’il devait dire, et ce qu’il a dit.";
    kill_matrix_empty: "No example is recorded for this kind.", "Aucun exemple n’est enregistré pour cette sorte.";
    as_it_must: "rightly", "à raison";
    wrongly: "wrongly", "à tort";
    asked_by: "Asked by these checks", "Posée par ces contrôles";
    asked_by_nothing: "No check of this product asks it.", "Aucun contrôle de ce produit ne la pose.";

    // Threat model.
    threats_title: "Threat model", "Modèle de menaces";
    threats_lede: "What could go wrong, what stands against it today, and what no record of this sort can show.", "Ce qui peut mal tourner, ce qui s’y oppose aujourd’hui, et ce qu’aucun registre de cette sorte ne peut montrer.";
    threats_heading: "Threats and how they stand", "Les menaces et leur état";
    threats_caption: "By requirement; the state of each control is computed from the record.", "Par exigence\u{202f}; l’état de chaque mesure est calculé à partir du registre.";
    nothing_yet: "Nothing yet", "Rien pour l’instant";

    // Retention.
    retention_title: "Retention", "Conservation";
    retention_of_nothing: "No row with a time was there to look at, so nothing is proven: an emptied table looks like a kept promise.", "Aucune ligne datée n’était là à examiner, donc rien n’est prouvé\u{a0}: une table vidée ressemble à une promesse tenue.";
    retention_caption: "A rule holds while no row is older than its time and the lag that is promised with it.", "Une règle est respectée tant qu’aucune ligne ne dépasse sa durée et le délai promis avec elle.";
    retention_empty: "No retention rule is configured.", "Aucune règle de conservation n’est configurée.";
    retention_waiting: "No retention rule is configured; these claims wait for one: {claims}", "Aucune règle de conservation n’est configurée\u{202f}; ces engagements en attendent une\u{a0}: {claims}";
    retention_lede: "{n} of {m} retention rules are proven to hold.", "Règles de conservation dont le respect est prouvé\u{a0}: {n} sur {m}.";
    retention_about: "Deletion is proven by what is left, not by what was deleted: after each run a second query looks for rows that are over their time. Counts below five are not published.", "La suppression est prouvée par ce qui reste, non par ce qui a été supprimé\u{a0}: après chaque exécution, une seconde requête cherche les lignes ayant dépassé leur durée. Les nombres inférieurs à cinq ne sont pas publiés.";
    retention_promise: "Kept for {keep}; removed at most {lag} later.", "Conservées {keep}\u{202f}; supprimées au plus tard {lag} après.";
    enforced_here: "Deleted on schedule by avouch, which then proves it.", "Suppression par avouch, selon le calendrier, suivie de la preuve.";
    enforced_by_product: "The product deletes; avouch only proves it.", "Le produit supprime\u{202f}; avouch ne fait que le prouver.";
    lag_is_large: "The lag is more than a quarter of the promise.", "Le délai dépasse un quart de la durée promise.";
    fate_anonymised: "What identifies a person is taken out; the row stays.", "Ce qui identifie une personne est retiré\u{a0}; la ligne reste.";
    fate_archived: "Rows are moved to an archive, which has its own time.", "Les lignes sont déplacées dans une archive, qui a sa propre durée.";
    exception_part: "Only some of the rows are under this rule.", "Seule une partie des lignes relève de cette règle.";
    exception_hold: "Rows under a legal hold stay for as long as it lasts.", "Les lignes sous gel légal restent tant qu’il dure.";
    exception_tenants: "Customers may have periods of their own.", "Des clients peuvent avoir leurs propres durées.";
    no_receipt: "No receipt is on record.", "Aucun reçu n’est enregistré.";
    looked_at: "Covered (UTC)", "Période couverte (UTC)";
    runs: "Runs", "Exécutions";
    runs_well_one: "{n}, which ended well", "{n}, bien terminée";
    runs_well_many: "{n}, all ended well", "{n}, toutes bien terminées";
    runs_of_which_failed: "{n}, of which {m} did not end well", "{n}, dont {m} mal terminées";
    longest_gap: "Longest gap between runs", "Plus long intervalle entre exécutions";
    gap_outlasted_lag: "Two runs were further apart than the lag that is promised: rows may have stayed longer, whatever is left now.", "Deux exécutions ont été plus éloignées que le délai promis\u{a0}: des lignes ont pu rester plus longtemps, quoi qu’il reste aujourd’hui.";
    gap_of_one_run: "one run only: no gap yet", "une seule exécution\u{a0}: pas encore d’intervalle";
    rows_removed: "Rows removed", "Lignes supprimées";
    cutoff: "Cut-off (UTC)", "Date limite (UTC)";
    rows_due_after: "Rows over their time after the run", "Lignes au-delà de leur durée après l’exécution";
    rows_overdue_after: "Rows over their time and the lag", "Lignes au-delà de leur durée et du délai";
    a_few: "some, fewer than five", "quelques-unes, moins de cinq";
    not_known: "not known", "inconnu";
    overdue_trend: "Compared with the receipts before", "Par rapport aux reçus précédents";
    trend_falling: "fewer rows over their time and the lag", "moins de lignes au-delà de leur durée et du délai";
    trend_steady: "as many rows over their time and the lag", "autant de lignes au-delà de leur durée et du délai";
    trend_rising: "more rows over their time and the lag", "davantage de lignes au-delà de leur durée et du délai";
    backlog: "The oldest row was due for", "Ancienneté du plus vieux retard";
    backlog_none: "none, or less than a day", "aucun, ou moins d’un jour";
    due_by: "Next run at the latest (UTC)", "Prochaine exécution au plus tard (UTC)";
    slots_missed: "Scheduled runs missed since", "Exécutions prévues manquées depuis";
    recovery: "Backups can still restore what was removed", "Restauration possible à partir de sauvegardes";
    recovery_for: "for {window}, until", "pendant {window}, jusqu’au";
    recovery_not_stated: "not stated: nobody here knows for how long", "non précisé\u{a0}: personne ici ne sait combien de temps";
    newest_removed: "Newest row removed", "Ligne supprimée la plus récente";
    children_removed: "Rows removed with them", "Lignes supprimées avec elles";
    rows_held: "Rows under a legal hold", "Lignes sous gel légal";
    rows_undated: "Rows without a time", "Lignes sans date";
    rows_future: "Rows dated in the future", "Lignes datées dans le futur";
    strays: "Archived objects that may hold rows that stay, or as they were before they changed", "Objets archivés pouvant contenir des lignes qui restent, ou telles qu’elles étaient avant de changer";
    erased: "Gone from the file too", "Disparues aussi du fichier";
    erased_yes: "yes: none of the values sampled before was found in it", "oui\u{a0}: aucune des valeurs relevées auparavant n’y a été trouvée";
    erased_no: "not shown", "non démontré";
    ended: "Last run", "Dernière exécution";
    ended_done: "completed; what is left was looked at", "terminée\u{202f}; ce qui reste a été vérifié";
    ended_fused: "stopped by the fuse: more rows were due than it allows", "arrêtée par le fusible\u{a0}: plus de lignes à supprimer qu’il n’en permet";
    ended_failed: "stopped on an error: what it did not look at is not known", "arrêtée sur une erreur\u{a0}: ce qu’elle n’a pas examiné est inconnu";
    fewer_than_five: "fewer than five", "moins de cinq";
    not_told: "not told: fewer than five rows", "non précisé\u{a0}: moins de cinq lignes";
    max_lag: "Longest lag", "Délai maximal";

    // Releases.
    releases_title: "Releases", "Versions";
    releases_lede: "The current release is {release}.", "La version actuelle est {release}.";
    releases_none: "No release is recorded yet.", "Aucune version n’est encore enregistrée.";
    releases_caption: "Newest first.", "Les plus récentes d’abord.";
    release_title: "Release {version}", "Version {version}";
    release_lede: "Made from commit {commit} of {time}.", "Construite à partir du commit {commit} du {time}.";
    release_untagged: "No tag that counts names this commit: no check that is bound to a release passes on it.", "Aucune étiquette reconnue ne nomme ce commit\u{a0}: aucun contrôle lié à une version ne peut être tenu sur lui.";
    release_dirty: "The tree had changes that are in no commit.", "L’arborescence contenait des modifications absentes de tout commit.";
    two_commits_title: "One version, two commits", "Une version, deux commits";
    tag: "Tag", "Étiquette";
    recorded: "Recorded", "Enregistrée";
    boms_empty: "No bill of materials was written for it.", "Aucune nomenclature n’a été écrite pour elle.";
    lockfiles: "Lockfiles that were read", "Fichiers de verrouillage lus";
    lockfiles_empty: "No lockfile was read.", "Aucun fichier de verrouillage n’a été lu.";
    runs_on_release: "Runs on this release", "Exécutions sur cette version";
    runs_empty: "No run is recorded on this release.", "Aucune exécution n’est enregistrée sur cette version.";
    runs_more: "Earlier runs are in {link}.", "Les exécutions antérieures sont dans {link}.";
    log_link: "the log", "le journal";

    // Decisions.
    decisions_title: "Decisions", "Décisions";
    decisions_lede: "What people decided and signed: exceptions, ignored advisories, gaps, what does not apply, statements, and what providers promise. A decision counts from its log entry, never from a date typed into it. People appear by role.", "Ce que des personnes ont décidé et signé\u{a0}: dérogations, avis de sécurité ignorés, lacunes, ce qui est sans objet, déclarations et promesses de fournisseurs. Une décision compte à partir de son entrée au journal, jamais d’une date saisie. Les personnes apparaissent par leur rôle.";
    decisions_empty: "No decision is recorded.", "Aucune décision n’est enregistrée.";
    decisions_more: "{n} earlier decisions are in the log.", "{n} décisions antérieures sont dans le journal.";
    waivers: "Waivers", "Dérogations";
    ignores: "Ignored advisories", "Dérogations à des avis de sécurité";
    gaps: "Gaps", "Lacunes";
    not_applicables: "Not applicable", "Sans objet";
    attestations: "Attestations", "Attestations";
    providers: "Providers’ statements", "Déclarations de fournisseurs";
    in_force: "In force", "En vigueur";
    in_force_used: "In force, used", "En vigueur, utilisée";
    in_force_unused: "In force, excuses nothing", "En vigueur, n’excuse rien";
    not_in_force: "Not in force", "Pas en vigueur";
    expired: "Expired", "Expirée";
    replaced: "Replaced by a later one", "Remplacée par une plus récente";
    advisory: "Advisory", "Avis de sécurité";
    package: "Package", "Paquet";
    reason: "Reason", "Motif";
    owner: "Owner", "Responsable";
    approver: "Approved by", "Approuvée par";
    expires: "Counts through", "Vaut jusqu’au";
    due: "Due", "Échéance";
    review: "To be reviewed by", "À revoir avant le";
    statement: "Statement", "Déclaration";
    figures: "Figures", "Chiffres";
    signed_by: "Signed by", "Signée par";
    provider: "Provider", "Fournisseur";
    source: "Source", "Source";
    retrieved: "Read there on", "Lue le";
    digest: "Digest of what was read", "Empreinte du texte lu";

    // Disclosure.
    disclosure_title: "Vulnerability disclosure policy", "Politique de divulgation des vulnérabilités";
    disclosure_lede: "Report a vulnerability to {contact}.", "Signalez une vulnérabilité à {contact}.";
    disclosure_stands: "How these promises stand: {state} {control}", "État de ces promesses\u{a0}: {state} {control}";
    disclosure_none: "No disclosure policy is published yet.", "Aucune politique de divulgation n’est encore publiée.";
    fix_line: "- A vulnerability of {severity} severity is fixed within **{span}** of receipt.", "- Une vulnérabilité de gravité {severity} est corrigée sous **{span}** à compter de la réception.";
    fix_critical: "critical", "critique";
    fix_high: "high", "élevée";
    fix_medium: "medium", "moyenne";
    fix_low: "low", "faible";

    // Verification and the log.
    verify_title: "Verify", "Vérifier";
    verify_lede: "Nothing on these pages has to be believed. One command re-checks the whole record with a public key, online or from a copy.", "Rien sur ces pages ne demande à être cru. Une commande revérifie tout le registre avec une clé publique, en ligne ou sur une copie.";
    verify_command: "The command", "La commande";
    verify_key_note: "A key that you took from this page proves only that the page agrees with itself. Get it once from somewhere else, keep it, and compare.", "Une clé prise sur cette page prouve seulement que la page est d’accord avec elle-même. Obtenez-la une fois par une autre voie, gardez-la et comparez.";
    verify_files: "The signed head of the log is {checkpoint}; its entries are in {log}.", "La tête signée du journal est {checkpoint}\u{202f}; ses entrées sont dans {log}.";
    origin: "Origin of the log", "Origine du journal";
    verifier_key: "Verifier key", "Clé de vérification";
    log_entries: "Entries", "Entrées";
    root_hash: "Root of the tree", "Racine de l’arbre";
    log_title: "Log", "Journal";
    log_lede: "{total} entries are in the log; this page shows {first} to {last}, newest first.", "Le journal compte {total} entrées\u{202f}; cette page montre {first} à {last}, les plus récentes d’abord.";
    log_caption: "Entries are only ever appended. The same result again has the same digest.", "Les entrées ne font que s’ajouter. Un même résultat a la même empreinte.";
    log_empty: "The log has no entries yet.", "Le journal n’a pas encore d’entrées.";
    log_more: "Other entries", "Autres entrées";
    log_range: "Entries {first} to {last}", "Entrées {first} à {last}";
    entry_genesis: "Beginning of the log", "Début du journal";
    entry_scope: "Scope", "Périmètre";
    entry_decision: "Decision", "Décision";
    entry_release: "Release", "Version";
    entry_sbom: "Bill of materials", "Nomenclature";
    entry_receipt: "Retention receipt", "Reçu de conservation";
    entry_run: "Run", "Exécution";
    entry_details: "Details of failures", "Détails d’échecs";
    entry_missed: "Missed run", "Exécution manquée";
    entry_site: "These pages", "Ces pages";
    entry_key: "Signing key", "Clé de signature";
    entry_withdrawal: "Withdrawal", "Retrait";
    entry_unsealing: "Unsealing", "Descellement";
    entry_vex: "Vulnerability statement", "Déclaration de vulnérabilité";
    entry_deployment: "Deployment", "Déploiement";
    sealed: "(sealed)", "(scellé)";
    feed_title: "open now, and the log", "en cours, et le journal";
    feed_entry: "{kind}: {subject} (entry {index})", "{kind}\u{a0}: {subject} (entrée {index})";

    // Evidence.
    evidence_title: "{kind} {digest}", "{kind} {digest}";
    evidence_summary: "{kind}, recorded on {time}.", "{kind}\u{a0}: entrée au journal du {time}. Cette page permanente est en anglais.";
    log_entries_of: "In the log", "Au journal";
    entries_of_one: "{n} entry of {m} has this digest.", "{n} entrée sur {m} porte cette empreinte.";
    entries_of_many: "{n} entries of {m} have this digest.", "{n} entrées sur {m} portent cette empreinte.";
    check_it_yourself: "Check it yourself", "Vérifiez vous-même";
    payload: "Payload", "Contenu";
    signed_statement: "signed statement", "déclaration signée";
    how_to_verify: "how to verify", "comment vérifier";
    permanent: "This address is permanent.", "Cette adresse est permanente.";
    withdrawn: "Withdrawn", "Retiré";
    withdrawn_on: "The payload was withdrawn on {time}: {reason}.", "Le contenu a été retiré le {time}\u{a0}: {reason}.";
    withdrawn_about: "Its entry and its digest stay in the log for ever; the withdrawal is an entry of its own.", "Son entrée et son empreinte restent au journal pour toujours\u{202f}; le retrait est lui-même une entrée.";
    withdrawal_personal_data: "it held personal data", "il contenait des données personnelles";
    withdrawal_secret: "it held a secret", "il contenait un secret";
    withdrawal_legal: "a legal order", "une décision de justice";
    withdrawal_mistake: "it was recorded by mistake", "il avait été enregistré par erreur";
    withdrawal_superseded: "it was superseded and might mislead", "il était remplacé et pouvait induire en erreur";
    sealed_title: "Sealed", "Scellé";
    sealed_about: "Details are sealed until released. The digest covers a random salt and the payload, so that nothing can be guessed from it.", "Les détails sont scellés jusqu’à leur publication. L’empreinte couvre un sel aléatoire et le contenu\u{a0}: rien ne peut en être deviné.";
    sealed_released: "They have since been released as {link}.", "Ils ont depuis été publiés sous {link}.";
    missing: "Missing", "Manquant";
    missing_about: "The payload is public, it is not here, and no withdrawal accounts for it. A record in this condition does not verify.", "Le contenu est public, il n’est pas ici, et aucun retrait ne l’explique. Un registre dans cet état ne se vérifie pas.";
    no_release: "no release", "aucune version";
    run_lede: "{n} checks on release {release}: {passed} passed, {failed} failed, {undecided} could not be decided.", "{n} contrôles sur la version {release}\u{a0}: {passed} réussis, {failed} échoués, {undecided} indécis.";
    run_inherited: "{n} rest on a provider’s word.", "{n} reposent sur la parole d’un fournisseur.";
    observed: "Observed (UTC)", "Observé (UTC)";
    judged_by: "Judged by scope", "Jugé selon le périmètre";
    details_of_failures: "Details of failures (sealed until released)", "Détails des échecs (scellés jusqu’à publication)";
    observations: "Observations", "Observations";
    observations_caption: "What each check saw. Absence is never a pass: below the number needed, the answer is no answer. The positive control is what had to work for the answer to count.", "Ce que chaque contrôle a vu. L’absence n’est jamais une réussite\u{a0}: sous le nombre requis, la réponse n’en est pas une. Le témoin positif est ce qui devait fonctionner pour que la réponse compte.";
    observations_empty: "This run asked nothing.", "Cette exécution n’a rien demandé.";
    positive_held: "held", "a tenu";
    positive_broken: "broke", "a cédé";
    positive_not_needed: "not needed", "inutile";
    bound_unproven: "no release: not proven", "aucune version\u{a0}: non prouvé";
    bound_time: "time alone", "le temps seul";
    genesis_lede: "The first entry: this log, its origin and its keys.", "La première entrée\u{a0}: ce journal, son origine et ses clés.";
    product: "Product", "Produit";
    signing_key: "First signing key", "Première clé de signature";
    recovery_key: "Offline recovery key", "Clé de secours hors ligne";
    scope_lede: "What runs judge by from here on: {controls} controls, {claims} claims, {checks} checks.", "Ce selon quoi les exécutions jugent désormais\u{a0}: {controls} mesures, {claims} affirmations, {checks} contrôles.";
    program: "Program", "Programme";
    configuration: "Digest of the configuration", "Empreinte de la configuration";
    mapping: "Digest of the mapping", "Empreinte de la correspondance";
    gate_requires: "The gate requires", "Le critère de publication exige";
    gate_configured: "every check that is configured", "chaque contrôle configuré";
    gate_baseline: "and the baseline", "et le socle";
    gate_no_worse_than: "only what stands worse than at {name} blocks", "seul ce qui est moins bien qu’à {name} bloque";
    gate_all: "every check", "chaque contrôle";
    scope_unfilled: "Slots that are not filled", "Emplacements non renseignés";
    scope_unfilled_caption: "Checks that could not be asked, and the keys that would let them.", "Contrôles qui n’ont pu être posés, et les clés qui le permettraient.";
    scope_unfilled_none: "Every slot of every check is filled.", "Chaque emplacement de chaque contrôle est renseigné.";
    scope_unchecked_one: "{n} claim is decided by no check, and is shown as not tested.", "{n} affirmation n’est tranchée par aucun contrôle, et est indiquée comme non testée.";
    scope_unchecked_many: "{n} claims are decided by no check, and are shown as not tested.", "{n} affirmations ne sont tranchées par aucun contrôle, et sont indiquées comme non testées.";
    a_waiver: "A waiver:", "Une dérogation\u{a0}:";
    an_ignore: "An advisory is ignored:", "Un avis de sécurité est ignoré\u{a0}:";
    an_attestation: "An attestation:", "Une attestation\u{a0}:";
    a_provider: "A provider’s statement:", "Une déclaration de fournisseur\u{a0}:";
    a_gap: "A gap is admitted:", "Une lacune est reconnue\u{a0}:";
    a_not_applicable: "Declared not applicable:", "Déclaré sans objet\u{a0}:";
    release_record_lede: "Release {release} was seen, made from commit {commit}.", "La version {release} a été vue, construite à partir du commit {commit}.";
    sbom_lede: "A software bill of materials, as it was written for its release.", "Une nomenclature logicielle, telle qu’écrite pour sa version.";
    size: "Size", "Taille";
    bytes: "{n} bytes", "{n} octets";
    receipt_holds: "No row of “{rule}” is older than {keep} and a lag of {lag}.", "Aucune ligne de «\u{a0}{rule}\u{a0}» ne dépasse {keep} et un délai de {lag}.";
    receipt_does_not_hold: "It is not proven that no row of “{rule}” is older than {keep} and a lag of {lag}.", "Il n’est pas prouvé qu’aucune ligne de «\u{a0}{rule}\u{a0}» ne dépasse {keep} et un délai de {lag}.";
    receipt_of_nothing: "“{rule}” held no row with a time, so nothing is proven of {keep} and a lag of {lag}.", "«\u{a0}{rule}\u{a0}» ne contenait aucune ligne datée\u{a0}: rien n’est prouvé de {keep} et d’un délai de {lag}.";
    details_lede: "What failures looked like: sealed at the time, released since.", "À quoi ressemblaient les échecs\u{a0}: scellé à l’époque, publié depuis.";
    slots: "Slots (UTC)", "Créneaux (UTC)";
    why: "Why", "Pourquoi";
    why_down: "the scheduler was down", "l’ordonnanceur était arrêté";
    why_panicked: "the job broke off", "la tâche s’est interrompue";
    why_overran: "the job before it had not ended", "la tâche précédente n’était pas terminée";
    key_added: "A key signs from here on.", "Une clé signe désormais.";
    key_retired: "A key signs no more; what it signed stays good.", "Une clé ne signe plus\u{202f}; ce qu’elle a signé reste valable.";
    key_revoked: "A key is revoked: what it signed after this entry is void.", "Une clé est révoquée\u{a0}: ce qu’elle a signé après cette entrée est nul.";
    withdrawal_lede: "The payload {link} was withdrawn: {reason}. Its entry and digest stay.", "Le contenu {link} a été retiré\u{a0}: {reason}. Son entrée et son empreinte restent.";
    unsealing_lede: "The sealed payload {sealed} is public from here on as {released}.", "Le contenu scellé {sealed} est désormais public sous {released}.";
    vex_lede: "What we say of {vulnerability} in the releases {releases}: {status}.", "Ce que nous disons de {vulnerability} dans les versions {releases}\u{a0}: {status}.";
    vex_not_affected: "not affected", "non affectées";
    vex_affected: "affected", "affectées";
    vex_fixed: "fixed", "corrigées";
    vex_under_investigation: "under investigation", "en cours d’examen";
    vex_vulnerability: "Vulnerability", "Vulnérabilité";
    vex_releases: "Releases", "Versions";
    vex_status: "Status", "Statut";
    vex_justification: "Justification", "Justification";
    vex_impact: "Why", "Pourquoi";
    vex_action: "What to do", "Que faire";
    vex_component: "Component", "Composant";
    deployment_lede: "The release {release} runs in {environment} since {time}, until another one is put there.", "La version {release} tourne dans {environment} depuis {time}, jusqu’à ce qu’une autre y soit déployée.";
    deployment_environment: "Environment", "Environnement";
    deployment_since: "Since", "Depuis";
    salt: "Salt", "Sel";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|part| part.split('}').next()).collect()
    }

    #[test]
    fn both_languages_fill_in_the_same() {
        for (name, english, french) in PAIRS {
            assert_eq!(placeholders(english), placeholders(french), "{name}");
            assert!(!english.trim().is_empty() && !french.trim().is_empty(), "{name}");
        }
    }

    #[test]
    fn no_french_sign_is_left_alone_at_the_beginning_of_a_line() {
        for (name, _, french) in PAIRS {
            for sign in [" :", " ;", " ?", " !", " »", "« "] {
                assert!(!french.contains(sign), "{name} has a space that can break in {sign:?}");
            }
            assert!(!french.contains('\''), "{name} has a straight apostrophe");
        }
    }
}
