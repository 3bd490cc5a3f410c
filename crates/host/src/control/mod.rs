//! Talking to a lab that runs: `ls`, `unplug`, `plug`, `events`.
