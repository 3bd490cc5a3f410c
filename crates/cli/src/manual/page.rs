use super::{
    EXIT_STATUS, VARIABLES, roff,
    sections::{Part, Section, sections},
    see_also,
};
use clap::Command;
use clap_mangen::Man;
use std::io;

/// The manual page of a command.
pub(crate) struct Page {
    /// As it is typed; empty for `outlive` itself.
    name: String,
    command: Command,
}

impl Page {
    /// That of `outlive`, and after it those of its commands. `grammar` is that of `outlive`.
    pub(crate) fn all(mut grammar: Command) -> Vec<Page> {
        // Gives the commands their full names: `outlive unplug`.
        grammar.build();
        let of = |command: &Command| Page { name: command.get_name().to_owned(), command: command.clone() };
        let commands: Vec<_> = grammar.get_subcommands().filter(|command| !command.is_hide_set()).map(of).collect();
        [Page { name: String::new(), command: grammar }].into_iter().chain(commands).collect()
    }

    /// The command that it is about; empty for `outlive` itself.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What its file is called.
    pub(crate) fn file_name(&self) -> String {
        if self.name.is_empty() { "outlive.1".to_owned() } else { format!("outlive-{}.1", self.name) }
    }

    /// The page, for man(1) to format.
    ///
    /// # Errors
    /// None that is known: it is written into memory.
    pub(crate) fn render(&self) -> io::Result<Vec<u8>> {
        let help = self.command.get_after_long_help().or(self.command.get_after_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        let man = Man::new(self.command.clone()).source(concat!("outlive ", env!("CARGO_PKG_VERSION")));
        let man = man.manual("User Commands");
        let mut page = Vec::new();
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        let usage = self.command.clone().render_usage().to_string();
        page.extend(roff::heading("Synopsis").bytes());
        page.extend(roff::paragraph(usage.trim_start_matches("Usage: ")).bytes());
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if self.name.is_empty() {
            page.extend(roff::heading("Commands").bytes());
            let commands = self.command.get_subcommands().filter(|command| !command.is_hide_set());
            page.extend(commands.map(entry).collect::<String>().bytes());
        }
        page.extend(self.own_sections(&sections(&help)).bytes());
        Ok(page)
    }

    /// What comes after the options, in the order that man-pages(7) has.
    fn own_sections(&self, told: &[Section<'_>]) -> String {
        // That of a help is shorter than ours.
        const LAST: [&str; 3] = ["Exit status", "Environment", "Examples"];
        let with = |heading: &str| told.iter().find(|section| section.heading == heading);
        let others = told.iter().filter(|section| !LAST.contains(&section.heading));
        let mut page: String = others.map(section).collect();
        let usual = sections(EXIT_STATUS);
        let exit = with("Exit status").map_or_else(|| rendered("Exit status", &usual[0].parts), section);
        page.push_str(&exit);
        page.push_str(&self.environment());
        page.push_str(&with("Examples").map(section).unwrap_or_default());
        page + &self.see_also()
    }

    fn environment(&self) -> String {
        let about = |commands: &[&str]| commands.contains(&"") || commands.contains(&self.name.as_str());
        let entries = VARIABLES.iter().filter(|variable| about(variable.commands));
        let entries = entries.map(|variable| roff::meaning(variable.name, variable.text));
        roff::heading("Environment") + &entries.collect::<String>()
    }

    fn see_also(&self) -> String {
        let own = if self.name.is_empty() { None } else { Some("outlive(1)".to_owned()) };
        let commands = self.command.get_subcommands().filter(|command| self.name.is_empty() && !command.is_hide_set());
        let commands = commands.map(|command| format!("outlive-{}(1)", command.get_name()));
        let others = see_also(&self.name).iter().map(|&page| page.to_owned());
        let pages: Vec<_> = own.into_iter().chain(commands).chain(others).collect();
        roff::heading("See also") + &roff::paragraph(&pages.join(", "))
    }
}

fn entry(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    roff::meaning(&format!("outlive-{}(1)", command.get_name()), &about)
}

fn section(section: &Section<'_>) -> String {
    rendered(if section.heading.is_empty() { "Notes" } else { section.heading }, &section.parts)
}

fn rendered(heading: &str, parts: &[Part<'_>]) -> String {
    let parts = parts.iter().map(|part| match part {
        Part::Paragraph(text) => roff::paragraph(text),
        Part::Lines(lines) => roff::example(lines),
    });
    roff::heading(heading) + &parts.collect::<String>()
}
