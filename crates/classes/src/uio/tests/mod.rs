mod bench;
mod calls;
mod contracts;
mod life;
