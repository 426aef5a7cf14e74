//! The algorithm of an event source, by what happens and what follows.

mod machine;
mod properties;
mod rig;
