//! How the checks were tried: each claim, and the defects of avouch's own reference products that turn it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    escape::{Html, fill},
    page::{Page, Section, Shape, Table},
    pen::Pen,
    view::Trial,
};

/// The page. What was tried is the claim as avouch ships it, on products of avouch's own: it says how far a pass can be trusted, and
/// nothing about this product.
pub(crate) fn page(pen: &Pen<'_>) -> Page {
    let (view, w) = (pen.site.view, pen.w);
    let mut page = Page::new(Section::Controls, "trials", w.trials_title);
    page.crumbs.push(pen.link("controls", &w.controls_title));
    let by_claim: BTreeMap<&str, &Trial<'_>> = view.trials.iter().map(|trial| (trial.claim, trial)).collect();
    let claims = &view.scope.catalogue.claims;
    let tried = claims.iter().filter(|claim| by_claim.contains_key(claim.id.as_str())).count() as u64;
    page.lede.push(Html::text(&fill(
        w.trials_lede,
        &[("n", &pen.lang.number(tried)), ("m", &pen.lang.number(claims.len() as u64)), ("program", view.trials_program)],
    )));
    page.note(Html::text(w.trials_about));
    let mut table = Table::new("", &[(w.claim, Shape::Text), (w.trials_defects, Shape::Text)]);
    let mut rows = Vec::new();
    for claim in claims {
        let trial = by_claim.get(claim.id.as_str());
        let defects = trial.map(|trial| trial.defects.as_slice()).unwrap_or_default();
        let told = defects.iter().map(|(name, change)| {
            Html::format("<span class=\"what plain\">{}</span><span class=\"how id\">{}</span>", &[&pen.english(change), name])
        });
        let told = match (&claim.untested, defects.is_empty()) {
            (Some(why), _) => Html::format("{}<span class=\"how\">{}</span>", &[&w.trials_untested, &pen.localised(why)]),
            (None, true) => Html::text(w.trials_not_tried),
            (None, false) => Html::join(told, ""),
        };
        table.row(vec![
            Html::format(
                "<span class=\"what\">{}</span><span class=\"how\">{} <span class=\"id\">{}</span></span>",
                &[&pen.localised(&claim.statement), &pen.control(&claim.control), &claim.id],
            ),
            told,
        ]);
        let defects: Vec<Value> = defects.iter().map(|(name, change)| json!({ "name": name, "change": change })).collect();
        rows.push(json!({
            "id": claim.id,
            "tried": !defects.is_empty(),
            "defects": defects,
            "untested": claim.untested.as_ref().map(|why| why.get(pen.lang.code())),
        }));
    }
    page.table(table, w.claims_empty);
    page.twin = json!({ "v": 1, "program": view.trials_program, "claims": rows });
    page
}
