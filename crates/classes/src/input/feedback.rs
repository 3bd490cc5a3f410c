//! Force feedback between a client and its device's driver: effects that come and go (`drivers/input/ff-core.c`).

use super::{
    Error, Inside, Order, Value,
    effect::Upload,
    file::{User, refused, tell},
    uapi::ev,
    zombie,
};
use crate::{Answer, Completion, Errno, Fate, Memory, landing};
use outlive::{Cause, Outcome};
use std::sync::Arc;

impl User {
    pub(super) fn upload(
        &self,
        upload: Upload,
        to: u64,
        memory: Arc<dyn Memory>,
        completion: Box<dyn Completion>,
    ) -> Option<u64> {
        let user = self.like();
        let reply = move |end: Outcome<Result<(), Error>>| match user.ended(end) {
            Ok(()) => tell(to + 2, upload.number().to_ne_bytes().to_vec(), 0, memory, completion),
            Err(errno) => {
                user.hub().upload_failed(&upload);
                completion.complete(Err(errno));
            }
        };
        self.handle.begin_or_park("effect", move |begun| match begun {
            Ok(operation) => landing::hand_over(operation, reply, move |inside: &Inside, order| {
                inside.driver.upload(upload.effect, upload.old, order);
            }),
            Err(why) => reply(refused(why).unwrap_or(Outcome::Forgotten)),
        })
    }

    pub(super) fn erase(&self, number: i32, completion: Box<dyn Completion>) -> Option<u64> {
        let effect = match self.hub().begin_erase(self.client, number) {
            Ok(effect) => effect,
            Err(errno) => {
                completion.complete(Err(errno));
                return None;
            }
        };
        let user = self.like();
        let reply = move |end: Outcome<Result<(), Error>>| {
            let ended = user.ended(end);
            if ended.is_err() {
                user.hub().erase_failed(user.client, effect);
            }
            completion.complete(ended.map(|()| Answer::Value(0)));
        };
        self.handle.begin_or_park("effect", move |begun| match begun {
            Ok(operation) => landing::hand_over(operation, reply, move |inside: &Inside, order| {
                stop_and_erase(inside, effect.number().cast_unsigned(), order);
            }),
            Err(why) => reply(refused(why).unwrap_or(Outcome::Forgotten)),
        })
    }

    /// How an effect's way to its driver ended.
    fn ended(&self, end: Outcome<Result<(), Error>>) -> Result<(), Errno> {
        match end {
            Outcome::Done(done) => done.map_err(Errno::from),
            Outcome::Cancelled(Cause::Gone(gone)) => match zombie::IOCTL.under(self.contract(), gone.reason) {
                Fate::Fails(errno) => Err(errno),
                Fate::Kept | Fate::Zero | Fate::StandIn => Ok(()),
            },
            Outcome::Cancelled(Cause::Interrupted) => Err(Errno::INTR),
            Outcome::Forgotten => Err(Errno::IO),
        }
    }

    /// Has a device that is there forget these effects, for which nobody waits.
    pub(super) fn forget(&self, effects: &[u16]) {
        for number in effects.iter().copied() {
            let Ok(operation) = self.handle.begin("effect") else { return };
            let erase = move |inside: &Inside, order| stop_and_erase(inside, number, order);
            landing::hand_over(operation, |_: Outcome<Result<(), Error>>| (), erase);
        }
    }
}

/// `erase_effect` of `drivers/input/ff-core.c`
fn stop_and_erase(inside: &Inside, number: u16, order: Order) {
    inside.driver.output(Value::new(ev::FF, number, 0));
    inside.driver.erase(number, order);
}
