//! `outlive explore --replug --check`: programs whose device comes back, and what judges the state they leave.

mod checks;
mod stage;
mod updaters;
mod verdicts;
