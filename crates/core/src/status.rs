use crate::{Generation, Gone, State, Step, life::Life};

/// What there is to ask about a device, of it or of any of its handles, without an error and without an operation (I31).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// How far its removal has come.
    pub step: Step,
    /// Why it is gone and since when, if it is.
    pub gone: Option<Gone>,
    /// Its number, if it was given one ([`Builder::number`](crate::Builder::number)).
    pub number: Option<u32>,
    /// Which life in the place of that number this is.
    pub generation: Option<Generation>,
    /// Whether a later generation has the number by now.
    pub lives_elsewhere: bool,
}

impl Status {
    pub(crate) fn of<S, H>(life: &Life<S, H>) -> Self {
        let number = life.number();
        Status {
            state: life.state(),
            step: life.step(),
            gone: life.gone(),
            number: number.map(|number| number.value()),
            generation: number.map(|number| number.generation()),
            lives_elsewhere: number.is_some_and(|number| number.lives_elsewhere()),
        }
    }
}
