//! The API that avouch is tried on: a small product that keeps the claims of the `auth-api` profile, and breaks them one
//! at a time on request.
//!
//! It is the subject of the kill matrix. Without a defect every check passes; with a defect exactly the checks bound to it
//! leave `pass`. A defect changes what really happens (in the service, its database, its repository, reports or decisions)
//! and nothing announces it. Only [`cli`] asks the clock; everything else is told the time or given the clock to ask.

pub mod cli;
pub mod client;
pub mod database;
pub mod defect;
pub mod fixture;
pub mod keys;
pub mod product;
pub mod repository;
pub mod service;
pub mod traffic;
