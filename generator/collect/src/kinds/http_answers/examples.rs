//! Transcripts that pass and transcripts that do not.

use avouch_model::state::Outcome;

use crate::Example;

const ASKED: &str = r#"{"target":"api","principal":"a","codes":{"tenant_required":400,"not_found":404},
    "error":{"allowed":["/ok","/error/code","/traceId"],"required":["/error/code"]},
    "trace":{"header":"X-Trace-Id","body":"/traceId"},
    "control":{"name":"known","call":"GET /health"},
    "cases":[{"name":"nobody","every":"route","anonymous":true,"status":[400],"code":"tenant_required"},
             {"name":"nobody, nowhere","call":"GET /none","anonymous":true,"status":[400],"code":"tenant_required"}]}"#;

const HEADERS: &str = r#"{"target":"api","cases":[
    {"name":"over","route":"chat","until":40,"status":[429],"header_numbers":{"X-RateLimit-Limit":30},
     "header_moments":{"X-RateLimit-Reset":{"within":"60 seconds"}}}],"control":{"name":"known","call":"GET /health"}}"#;

pub(super) const EXAMPLES: &[Example] = &[
    Example {
        name: "who names no tenant is told so everywhere, in one form",
        asked: ASKED,
        seen: r#"{"answers":[
            {"case":0,"call":"POST /chat","ok":200,"status":400,"json":true,"code":"tenant_required","properties":["/ok","/error","/error/code","/traceId"],"headers":{},"absent":{},"values":{},"forbids":[],
             "trace":{"header":{"digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","formed":true,"forbidden":false},"body":{"digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","formed":true,"forbidden":false}}},
            {"case":1,"call":"GET /none","ok":200,"status":400,"json":true,"code":"tenant_required","properties":["/ok","/error","/error/code","/traceId"],"headers":{},"absent":{},"values":{},"forbids":[],
             "trace":{"header":{"digest":"sha256:2222222222222222222222222222222222222222222222222222222222222222","formed":true,"forbidden":false},"body":{"digest":"sha256:2222222222222222222222222222222222222222222222222222222222222222","formed":true,"forbidden":false}}}],
            "control":{"case":0,"call":"GET /health","ok":200,"status":200,"json":true,"code":null,"properties":[],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "an unknown path is answered before the tenant is known",
        asked: ASKED,
        seen: r#"{"answers":[
            {"case":0,"call":"POST /chat","ok":200,"status":400,"json":true,"code":"tenant_required","properties":["/error/code"],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null},
            {"case":1,"call":"GET /none","ok":200,"status":404,"json":true,"code":"not_found","properties":["/error/code"],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null}],
            "control":{"case":0,"call":"GET /health","ok":200,"status":200,"json":true,"code":null,"properties":[],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the answers carry one id, and one has a code that nobody knows",
        asked: ASKED,
        seen: r#"{"answers":[
            {"case":0,"call":"POST /chat","ok":200,"status":400,"json":true,"code":"no_tenant","properties":["/error/code"],"headers":{},"absent":{},"values":{},"forbids":[],
             "trace":{"header":{"digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","formed":true,"forbidden":false},"body":null}},
            {"case":1,"call":"GET /none","ok":200,"status":400,"json":true,"code":"tenant_required","properties":["/error/code"],"headers":{},"absent":{},"values":{},"forbids":[],
             "trace":{"header":{"digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","formed":true,"forbidden":false},"body":null}}],
            "control":{"case":0,"call":"GET /health","ok":200,"status":200,"json":true,"code":null,"properties":[],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nobody at all is let in, so refusals show nothing",
        asked: ASKED,
        seen: r#"{"answers":[
            {"case":0,"call":"POST /chat","ok":200,"status":400,"json":true,"code":"tenant_required","properties":[],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null},
            {"case":1,"call":"GET /none","ok":200,"status":400,"json":true,"code":"tenant_required","properties":[],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null}],
            "control":{"case":0,"call":"GET /health","ok":200,"status":503,"json":false,"code":null,"properties":[],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null}}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "a refusal tells another limit than the one that is configured",
        asked: HEADERS,
        seen: r#"{"answers":[{"case":0,"call":"POST /chat","ok":200,"status":429,"json":true,"code":"rate_limited","properties":[],"headers":{},
            "numbers":{"X-RateLimit-Limit":{"promised":30,"told":60}},"moments":{"X-RateLimit-Reset":{"unit":"seconds","ahead_ms":20000}},"absent":{},"values":{},"forbids":[],"trace":null}],
            "control":{"case":0,"call":"GET /health","ok":200,"status":200,"json":true,"code":null,"properties":[],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "no answer was kept",
        asked: HEADERS,
        seen: r#"{"answers":[],"control":{"case":0,"call":"GET /health","ok":200,"status":200,"json":true,"code":null,"properties":[],"headers":{},"absent":{},"values":{},"forbids":[],"trace":null}}"#,
        outcome: Outcome::NotExercised,
    },
];
