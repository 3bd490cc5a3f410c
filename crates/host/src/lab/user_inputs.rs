//! Input devices that programs make, by /dev/uinput: each hangs on it, and does not come back.

use super::{Lab, PlugError};
use outlive::{Policy, Reason};
use outlive_classes::{
    Errno, Hardware,
    input::{Driver, Sink},
    uinput::{NODE_NAME, Ports},
};
use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

/// Plugs them into its lab.
#[derive(Default)]
pub(super) struct UserInputs(OnceLock<Weak<Lab>>);

impl UserInputs {
    /// Once.
    pub(super) fn are_of(&self, lab: &Arc<Lab>) {
        let _ = self.0.set(Arc::downgrade(lab));
    }

    fn lab(&self) -> Option<Arc<Lab>> {
        self.0.get().and_then(Weak::upgrade)
    }
}

impl fmt::Debug for UserInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserInputs")
    }
}

impl Ports for UserInputs {
    fn plug(&self, driver: Box<dyn Driver>) -> Result<u32, Errno> {
        let lab = self.lab().ok_or(Errno::NODEV)?;
        lab.plug_child(NODE_NAME, Hardware::Input(driver)).map_err(|error| match error {
            PlugError::Parent { .. } => Errno::NODEV,
            PlugError::Full { .. } => Errno::NOSPC,
            PlugError::NoMemory { .. } => Errno::NOMEM,
            _ => Errno::BUSY,
        })
    }

    fn unplug(&self, number: u32, sink: &Sink, limit: Duration) {
        let Some(lab) = self.lab() else { return };
        let name = outlive_classes::input::node_name(number);
        let device = lab.places.lock().get(&name).and_then(|place| place.live.clone());
        let Some(device) = device.filter(|device| device.sink().is_some_and(|its| its.is(sink))) else { return };
        let policy = lab.policy_of(&name);
        // Who is still inside is waited for by whoever asks for devices next.
        let _ = lab.unplug(&name, Reason::Pulled, policy, limit);
        lab.disown_life(&name, device.generation());
    }
}

impl Lab {
    /// Plugs in what hangs on `parent` and does not come back. Gives its number.
    fn plug_child(&self, parent: &str, hardware: Hardware) -> Result<u32, PlugError> {
        let permissions = self.permissions_of(parent);
        let name = self.plug_as(None, hardware, Some(&permissions))?;
        self.tie_child(&name, parent);
        if self.own_policy_of(parent) != self.own_policy_of(&name) {
            self.set_policy(&name, self.policy_of(parent));
        }
        let number = self.places.lock().get(&name).map(|place| place.number);
        match number.filter(|_| self.is_live(parent)) {
            Some(number) => Ok(number),
            None => {
                // It went meanwhile, and may not have seen this one.
                let _ = self.unplug(&name, Reason::Pulled, Policy::Detach, outlive::REMOVAL_BUDGET);
                self.disown(&name);
                Err(PlugError::Parent { name, parent: parent.to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{LabConfig, Source};
    use outlive_drivers::input::InputConfig;
    use std::{collections::BTreeMap, sync::Barrier, thread};

    const LONG: Duration = Duration::from_secs(20);

    fn lab() -> Arc<Lab> {
        let source = Source::Spec("input:uinput".to_owned());
        Lab::start(&LabConfig::new(&[source], None, None).unwrap()).unwrap()
    }

    fn mouse(lab: &Lab) -> Box<dyn Driver> {
        InputConfig { model: "mouse".into(), keys: BTreeMap::new() }.build(lab.clock().clone()).unwrap()
    }

    fn sink(lab: &Lab, number: u32) -> Sink {
        lab.live(&format!("input/event{number}")).unwrap().sink().unwrap()
    }

    fn alive(lab: &Lab) -> Vec<String> {
        lab.devices().iter().map(|device| device.node().name.clone()).collect()
    }

    #[test]
    fn what_is_made_hangs_on_uinput_and_does_not_come_back() {
        let lab = lab();
        let ports = &lab.user_inputs;
        assert_eq!((ports.plug(mouse(&lab)), ports.plug(mouse(&lab))), (Ok(0), Ok(1)));
        let parents: Vec<_> = lab.list().into_iter().filter_map(|line| line.parent).collect();
        assert_eq!(parents, ["uinput", "uinput"]);
        let first = sink(&lab, 0);
        ports.unplug(0, &first, LONG);
        assert_eq!(alive(&lab), ["input/event1", "uinput"]);
        assert!(lab.plug_name("input/event0").is_err(), "nobody has its hardware");
        // Whoever has the number now is somebody else.
        assert_eq!(ports.plug(mouse(&lab)), Ok(0));
        ports.unplug(0, &first, LONG);
        assert_eq!(alive(&lab), ["input/event0", "input/event1", "uinput"]);
        lab.unplug("uinput", Reason::Pulled, Policy::Detach, LONG).unwrap();
        assert_eq!((alive(&lab).len(), ports.plug(mouse(&lab))), (0, Err(Errno::NODEV)));
        lab.plug_name("uinput").unwrap();
        assert_eq!(alive(&lab), ["uinput"]);
        assert!(lab.plug_name("input/event1").is_err());
        assert_eq!(ports.plug(mouse(&lab)), Ok(0));
    }

    #[test]
    fn numbers_have_an_end() {
        let lab = lab();
        let made = (0..1025).map(|_| lab.user_inputs.plug(mouse(&lab))).take_while(Result::is_ok).count();
        assert_eq!((made, lab.user_inputs.plug(mouse(&lab))), (800, Err(Errno::NOSPC)));
        assert!(lab.plug_spec("input:mouse").unwrap_err().to_string().contains("no number left"));
        lab.user_inputs.unplug(256, &sink(&lab, 256), LONG);
        assert_eq!(lab.user_inputs.plug(mouse(&lab)), Ok(256));
    }

    /// Whoever makes devices while uinput goes leaves none behind.
    #[test]
    fn none_outlives_uinput() {
        let lab = lab();
        for round in 0..200 {
            let begin = Barrier::new(4);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        begin.wait();
                        for _ in 0..3 {
                            let Ok(number) = lab.user_inputs.plug(mouse(&lab)) else { continue };
                            let device = lab.live(&format!("input/event{number}"));
                            let Some(sink) = device.ok().and_then(|device| device.sink()) else { continue };
                            lab.user_inputs.unplug(number, &sink, Duration::ZERO);
                        }
                    });
                    scope.spawn(|| {
                        begin.wait();
                        _ = lab.unplug("uinput", Reason::Pulled, Policy::Detach, LONG);
                    });
                }
            });
            assert_eq!(alive(&lab), Vec::<String>::new(), "round {round}");
            lab.plug_name("uinput").unwrap();
        }
    }
}
