//! Memory that users share with a device: I24.

use crate::{Breach, Entry, FarEnd, MAPPED_WORDS, Mapped, Subject, stage::Stage};

/// I24
pub(crate) fn check(subject: &dyn Subject) -> Result<(), Breach> {
    let stage = Stage::new(subject);
    let user = stage.open()?;
    if stage.rig.word(0).is_none() {
        return without_memory(&stage, &*user);
    }
    let map = || user.map().map_err(|said| Breach(format!("a live device could not be mapped: {said:?}")));
    let (touched, untouched) = (map()?, map()?);
    each_sees_the_other(&stage, &*touched)?;
    stage.pull()?;
    law!(stage.rig.word(0).is_none(), "behind the fence the device still has its memory");
    refused(&stage, &*user)?;
    for mapping in [&*touched, &*untouched] {
        is_memory(mapping, subject.mappings_are_its_users())?;
    }
    leads_nowhere(&stage, &[&*touched, &*untouched])?;
    refused(&stage, &*user)?;
    law!(stage.far.count(&Entry::Called) == 0, "mapping called the driver");
    Ok(())
}

/// Of a class without mappings, or of the core.
fn without_memory(stage: &Stage<'_>, user: &dyn crate::User) -> Result<(), Breach> {
    law!(user.map().is_err(), "this class has mappings, and its rig shows nothing of the device's side");
    stage.pull()?;
    refused(stage, user)?;
    law!(stage.far.count(&Entry::Called) == 0, "asking for a mapping called the driver");
    Ok(())
}

fn refused(stage: &Stage<'_>, user: &dyn crate::User) -> Result<(), Breach> {
    let said = user.map().err();
    law!(said == Some(stage.subject.gone()), "on a zombie a mapping says {said:?}");
    Ok(())
}

fn each_sees_the_other(stage: &Stage<'_>, mapping: &dyn Mapped) -> Result<(), Breach> {
    for (number, value) in [(0, 0x1111), (MAPPED_WORDS - 1, 0x2222)] {
        set(mapping, number, value)?;
        let seen = stage.rig.word(number);
        law!(seen == Some(value), "of what a user wrote the device sees {seen:x?}");
        stage.rig.set_word(number, value + 1);
        let seen = get(mapping, number)?;
        law!(seen == value + 1, "of what the device wrote a user sees {seen:#x}");
    }
    Ok(())
}

/// On each of its pages: what the device held is gone, or still there if it is its users' own; and what is written stays.
fn is_memory(mapping: &dyn Mapped, keeps: bool) -> Result<(), Breach> {
    for (number, held) in [(0, 0x1112), (MAPPED_WORDS - 1, 0x2223)] {
        let found = get(mapping, number)?;
        law!(keeps || found != held, "a mapping still shows what the departed device held");
        law!(!keeps || found == held, "a mapping has lost what its user has in it: {found:#x}");
    }
    for number in [0, MAPPED_WORDS / 2, MAPPED_WORDS - 1] {
        let before = get(mapping, number)?;
        set(mapping, number, 0x3333)?;
        let found = get(mapping, number)?;
        law!(found == 0x3333, "on a zombie a mapping keeps {found:#x} of what is written to it");
        // As it was, for the next mapping of it.
        set(mapping, number, before)?;
    }
    Ok(())
}

/// The next generation in the same place has memory of its own.
fn leads_nowhere(stage: &Stage<'_>, mappings: &[&dyn Mapped]) -> Result<(), Breach> {
    stage.rig.replug(&FarEnd::new());
    // A device may have no memory before somebody has it open.
    let _user = stage.open()?;
    law!(stage.rig.word(1).is_some(), "the next generation has no memory: this check would see nothing");
    for mapping in mappings {
        set(*mapping, 1, 0x4444)?;
        let seen = stage.rig.word(1);
        law!(seen != Some(0x4444), "a mapping reaches the next generation");
        stage.rig.set_word(2, 0x5555);
        let seen = get(*mapping, 2)?;
        law!(seen != 0x5555, "the next generation reaches a mapping of the one before");
    }
    Ok(())
}

fn get(mapping: &dyn Mapped, number: usize) -> Result<u32, Breach> {
    mapping.get(number).map_err(|said| Breach(format!("reading word {number} of a mapping: {said:?}")))
}

fn set(mapping: &dyn Mapped, number: usize, value: u32) -> Result<(), Breach> {
    mapping.set(number, value).map_err(|said| Breach(format!("writing word {number} of a mapping: {said:?}")))
}
