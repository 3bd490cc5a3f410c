//! Cards with displays: their contract, their connectors, and who hears of those.

use super::{super::*, lab};
use crate::lab::hotplug::Hotplug;
use outlive::Change;

fn contracts(config: &LabConfig) -> Vec<(&'static str, Contract)> {
    let lab = Lab::start(config).unwrap();
    lab.devices().iter().map(|device| (device.class(), device.contract())).collect()
}

#[test]
fn each_class_has_a_contract_of_its_own_unless_one_is_said() {
    let sources = ["drm:virtual", "i2c:24c02@0x50,bus=7"].map(|spec| Source::Spec(spec.to_owned()));
    let said = |contract| contracts(&LabConfig::new(&sources, None, contract).unwrap());
    assert_eq!(said(None), [("drm", Contract::Quiet), ("i2c", Contract::Strict)]);
    for contract in Contract::ALL {
        assert_eq!(said(Some(contract.name())), [("drm", contract), ("i2c", contract)]);
    }
}

#[test]
fn the_end_of_a_name_is_enough_where_only_one_has_it() {
    let lab = lab(&["drm:virtual", "input:keyboard", "i2c:24c02@0x50,bus=7"]);
    for (typed, meant) in [
        ("card0", "dri/card0"),
        ("/dev/dri/card0", "dri/card0"),
        ("event0", "input/event0"),
        ("i2c-7", "i2c-7"),
        ("card7", "card7"),
        ("card0-Virtual-1", "card0-Virtual-1"),
        ("", ""),
    ] {
        assert_eq!(lab.name_meant(typed), meant, "{typed}");
    }
}

#[derive(Default)]
struct Notes(Mutex<Vec<DeviceChange>>);

impl Hotplug for Notes {
    fn told(&self, _: &Arc<dyn Plugged>, change: DeviceChange) {
        self.0.lock().unwrap().push(change);
    }
}

#[test]
fn a_connector_is_a_part_of_its_card() {
    for (name, device, part) in [
        ("card0-Virtual-1", "dri/card0", true),
        ("dri/card0", "dri/card0", true),
        ("card0-Virtual-1", "card0-Virtual-1", true),
        ("card10-Virtual-1", "dri/card1", false),
        ("card0-Virtual-1", "card0-Virtual-2", false),
        ("i2c-7", "dri/card0", false),
    ] {
        assert_eq!(is_part_of(name, device), part, "{name} {device}");
    }
}

/// A cable that is as it should be is no news.
#[test]
fn who_listens_hears_of_cables() {
    let lab = lab(&["drm:virtual,connectors=2,connected=1"]);
    let notes = Arc::<Notes>::default();
    lab.set_hotplug(notes.clone());
    let watcher = lab.events().watch();
    let name = "card0-Virtual-2";
    assert_eq!([true, true, false].map(|in_it| lab.connect(name, in_it).unwrap()), [false, true, false]);
    let heard = || -> Vec<_> {
        let notes = notes.0.lock().unwrap();
        let change = |note: &DeviceChange| match note {
            DeviceChange::Connector(change) => Some((change.connector, change.connected)),
            _ => None,
        };
        notes.iter().map(change).collect()
    };
    assert_eq!(heard(), [Some((1, true)), Some((1, false))]);
    for change in [Change::Connected, Change::Disconnected] {
        let event = watcher.next(super::SOON).unwrap();
        assert_eq!((event.name.as_str(), event.generation.0, event.change), (name, 1, change));
    }
    let connectors = lab.list().remove(0).connectors;
    assert_eq!(connectors.iter().map(|it| it.connected).collect::<Vec<_>>(), [true, false]);
    lab.unplug("dri/card0", outlive::Reason::Pulled, Policy::Detach, super::SOON).unwrap();
    assert_eq!(heard().len(), 3, "its removal alone is told, which says enough");
    assert!(matches!(lab.connect(name, true), Err(ConnectorError::Unknown(_))));
    assert!(matches!(lab.screen("dri/card0", None), Err(ConnectorError::Unknown(_))));
}

#[test]
fn what_cannot_be_seen_is_said_why() {
    let lab = lab(&["drm:virtual,connectors=2,connected=1", "i2c:24c02@0x50,bus=7"]);
    let why = |name, which| lab.screen(name, which).err().unwrap().to_string();
    assert!(why("dri/card0", None).starts_with("nothing is shown on card0-Virtual-1: "));
    assert!(why("dri/card0", Some("2")).starts_with("no display hangs on card0-Virtual-2; "));
    assert!(why("card0-Virtual-2", None).starts_with("no display hangs on card0-Virtual-2; "));
    assert!(why("dri/card0", Some("Virtual-9")).contains("has no connector `Virtual-9`; it has card0-Virtual-1"));
    assert!(why("dri/card0", Some("0")).contains("has no connector `0`"));
    assert!(why("i2c-7", None).starts_with("i2c-7 is no card; "));
    lab.set_state("dri/card0", DeviceState::Offline).unwrap();
    assert!(why("dri/card0", None).contains("is not running; `outlive ls` says what it is doing"));
}
