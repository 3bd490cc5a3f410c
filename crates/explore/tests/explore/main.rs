//! The explorer on programs that are functions: what it runs, how it judges, what it prints.

mod baseline;
mod closeup;
mod exploring;
mod judged;
mod plain;
mod points;
mod program;
mod table;
mod verdicts;
