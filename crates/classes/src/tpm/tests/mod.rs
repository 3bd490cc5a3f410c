mod bench;
mod calls;
mod contracts;
mod life;
mod random;
