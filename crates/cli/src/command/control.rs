//! `ls`, `events`, `plug`, `unplug`: talking to a lab that runs.
