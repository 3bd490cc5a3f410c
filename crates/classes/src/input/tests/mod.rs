mod bench;
mod calls;
mod contracts;
mod effects;
mod life;
mod sharing;
