//! The threat model: what could go wrong, what stands against it and how that stands, and what this record cannot show.

use avouch_model::{assessment::RequirementFinding, decision::Decision, state::Standing};
use serde_json::{Value, json};

use crate::{
    escape::Html,
    language::Language,
    markdown,
    page::{Block, Page, Section, Shape, Table},
    pen::Pen,
};

const ENGLISH: &str = include_str!("../../../../site/content/threat-model.en.md");
const FRENCH: &str = include_str!("../../../../site/content/threat-model.fr.md");

/// The page.
pub(crate) fn page(pen: &Pen<'_>) -> Page {
    let (site, w) = (pen.site, pen.w);
    let mut page = Page::new(Section::Threats, "threat-model", w.threats_title);
    page.lede.push(Html::text(w.threats_lede));
    let mut table =
        Table::new(w.threats_caption, &[(w.threat, Shape::Text), (w.standing, Shape::Text), (w.stands_against, Shape::Text)]);
    let mut rows = Vec::new();
    for finding in &site.view.assessment.requirements {
        let asks = site
            .requirements
            .get(finding.requirement.as_str())
            .map_or_else(Html::default, |requirement| pen.localised(&requirement.asks));
        let mut controls: Vec<&String> = finding.controls.iter().collect();
        controls.sort_by_key(|id| site.control_state(id));
        let controls = controls
            .iter()
            .map(|id| Html::format("<span class=\"what plain\">{} {}</span>", &[&pen.control_state(id), &pen.control(id)]));
        let controls = Html::join(controls, "");
        table.row(vec![
            Html::format("{}<span class=\"how\">{}</span>", &[&pen.requirement(&finding.requirement), &asks]),
            Html::format("{}{}", &[&pen.standing(finding), &reason(pen, finding)]),
            match finding.standing {
                Standing::NotApplicable if controls.is_empty() => pen.nothing(),
                _ if controls.is_empty() => Html::format("<span class=\"muted\">{}</span>", &[&w.nothing_yet]),
                _ => controls,
            },
        ]);
        rows.push(crate::pages::requirement::twin_row(finding));
    }
    page.heading(w.threats_heading);
    page.table(table, w.requirements_empty);
    if let Some(own) = site.view.threat_model {
        let prose = markdown::render(own.get(pen.lang.code()));
        page.blocks.push(Block::Prose(match (pen.lang, &own.fr) {
            (Language::Fr, None) => Html::format("<div lang=\"en\">{}</div>", &[&prose]),
            _ => prose,
        }));
    }
    page.blocks.push(Block::Prose(markdown::render(match pen.lang {
        Language::En => ENGLISH,
        Language::Fr => FRENCH,
    })));
    page.twin = json!({
        "v": 1,
        "as_of": site.view.assessment.as_of,
        "threats": Value::Array(rows),
    });
    page
}

/// Why a person decided that it does not apply, or is left open.
fn reason(pen: &Pen<'_>, finding: &RequirementFinding) -> Html {
    match &finding.decision {
        Some(Decision::NotApplicable { reason, .. } | Decision::Gap { reason, .. }) => {
            Html::format("<span class=\"how\">{}</span>", &[&pen.english(reason)])
        }
        _ => Html::default(),
    }
}
