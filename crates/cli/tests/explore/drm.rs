//! What docs/drm-clients.md says of modetest: it does not look at all results, so a card that goes as on Linux takes it down,
//! and one that is quiet does not.

use super::{OUTLIVE, verdicts};
use serde_json::Value;
use std::process::{Command, Stdio};

/// It lists what there is, sets a mode, and ends with its input. `options` are the explorer's.
fn modetest(options: &[&str]) -> Value {
    let mut explore = Command::new(OUTLIVE);
    explore.args(["explore", "--json", "--jobs", "4", "--device", "drm:virtual,mode=320x240,num=0"]).args(options);
    explore.args(["--", "modetest", "-M", "outlive", "-s", "Virtual-1:320x240"]);
    let output = explore.stdin(Stdio::null()).output().expect("outlive starts");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn modetest_crashes_under_linux_and_not_under_quiet() {
    let [linux, quiet] = ["linux", "quiet"].map(|contract| modetest(&["--all", "--contract", contract]));
    let of = |report: &Value, verdict: &str| verdicts(report).iter().filter(|said| **said == verdict).count();
    assert!(of(&linux, "crash") >= 4 && of(&linux, "clean") >= 20, "{linux:#}");
    let crashed = linux["points"].as_array().unwrap().iter().filter(|point| point["verdict"] == "crash");
    assert!(crashed.clone().any(|point| point["what"].as_str().unwrap().starts_with("MODE_GETPLANE ")), "{linux:#}");
    for verdict in ["crash", "hang", "spin"] {
        assert_eq!(of(&quiet, verdict), 0, "{quiet:#}");
    }
    assert!(2 * of(&quiet, "unaffected") > verdicts(&quiet).len(), "{quiet:#}");
    assert_eq!(of(&linux, "unaffected"), 0, "{linux:#}");
}

/// Under quiet, which cards have otherwise, hardly anything fails that could be missed; and linux' was not measured call by call.
#[test]
fn a_card_is_explored_under_strict_unless_a_contract_is_said() {
    for (options, contract) in [(&[][..], "strict"), (&["--contract", "quiet"], "quiet")] {
        let report = modetest(&[&["--points", "1"], options].concat());
        assert_eq!((&report["contract"], verdicts(&report)), (&contract.into(), vec!["clean"]), "{report:#}");
    }
}
