//! A world with one target, `api`, that is a small server of the test.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use avouch_model::product::Target;
use avouch_probe::Prober;

use crate::{Judgement, Question, Unasked, World, testing::Scene};

#[path = "../../../probe/src/testing.rs"]
mod server;

pub(super) use server::{Caps, Got, json, route, serve, target};

/// Gathers and judges.
pub(super) fn ask<Q: Question>(scene: Scene, target: &Target, asked: &str) -> Judgement {
    try_ask::<Q>(scene, target, asked).unwrap()
}

/// Gathers and judges, where gathering may fail.
pub(super) fn try_ask<Q: Question>(mut scene: Scene, target: &Target, asked: &str) -> Result<Judgement, Unasked> {
    let asked: Q::Asked = serde_json::from_str(asked).unwrap();
    let prober = Prober::new(target, "run-1", 7, &|_| None, None).unwrap();
    scene.configuration.targets.insert(target.name.clone(), target.clone());
    let probers = BTreeMap::from([(target.name.clone(), prober)]);
    let next = AtomicU64::new(1);
    scene.with(|world| {
        let random = || next.fetch_add(0x9e37_79b9, Ordering::Relaxed);
        let world = World { probers: &probers, random: &random, ..*world };
        Q::gather(&world, &asked).map(|seen| Q::judge(&seen, &asked))
    })
}
