//! A page: a title, sentences, and blocks of few kinds, so that every page looks and reads like the others.

use askama::Template;
use serde_json::Value;

use crate::{escape::Html, pen::Pen};

/// One page in one language, without its frame.
pub(crate) struct Page {
    /// Its folder below the language's, without slashes at the ends; empty: the overview.
    pub(crate) tail: String,
    /// Which entry of the navigation it belongs to.
    pub(crate) section: Section,
    /// The title: the heading and the window's.
    pub(crate) title: String,
    /// Whether the heading is an identifier.
    pub(crate) title_is_id: bool,
    /// What it lies below, outermost first.
    pub(crate) crumbs: Vec<Html>,
    /// The sentences that say it all.
    pub(crate) lede: Vec<Html>,
    /// The rest.
    pub(crate) blocks: Vec<Block>,
    /// The same for programs.
    pub(crate) twin: Value,
}

impl Page {
    /// A page with nothing below its title yet.
    pub(crate) fn new(section: Section, tail: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            tail: tail.into(),
            section,
            title: title.into(),
            title_is_id: false,
            crumbs: Vec::new(),
            lede: Vec::new(),
            blocks: Vec::new(),
            twin: Value::Null,
        }
    }

    /// Adds a heading.
    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading { id: String::new(), text: Html::text(&text.into()) });
    }

    /// Adds a heading that can be linked to; `id` begins with `_`, which no name from outside does.
    pub(crate) fn section(&mut self, id: &'static str, text: &str) {
        self.blocks.push(Block::Heading { id: id.to_owned(), text: Html::text(text) });
    }

    /// Adds a paragraph.
    pub(crate) fn paragraph(&mut self, markup: Html) {
        self.blocks.push(Block::Paragraph(markup));
    }

    /// Adds a paragraph of lesser weight.
    pub(crate) fn note(&mut self, markup: Html) {
        self.blocks.push(Block::Note(markup));
    }

    /// Adds a table, or the sentence that stands for an empty one.
    pub(crate) fn table(&mut self, table: Table, when_empty: &str) {
        if table.rows.is_empty() {
            self.note(Html::text(when_empty));
        } else {
            self.blocks.push(Block::Table(table));
        }
    }
}

/// The entries of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// The overview.
    Overview,
    /// Controls, requirements and kinds.
    Controls,
    /// The threat model.
    Threats,
    /// Retention.
    Retention,
    /// Releases.
    Releases,
    /// The disclosure policy.
    Disclosure,
    /// Verification and the log.
    Verify,
    /// None of them.
    Elsewhere,
}

/// A part of a page.
pub(crate) enum Block {
    /// A second-level heading.
    Heading {
        /// What to link to; may be empty.
        id: String,
        /// Its text.
        text: Html,
    },
    /// A third-level heading with a state beside it.
    Subject {
        /// What to link to; may be empty.
        id: String,
        /// Its text.
        title: Html,
        /// How it stands.
        state: Html,
    },
    /// A paragraph.
    Paragraph(Html),
    /// A paragraph of lesser weight.
    Note(Html),
    /// What wants attention.
    Attention {
        /// The heading.
        title: String,
        /// The items, gravest first.
        items: Vec<Html>,
    },
    /// Names and short values, several beside each other.
    Facts(Vec<(String, Html)>),
    /// Names and values that need a line of their own: sentences, digests, keys.
    Rows(Vec<(String, Html)>),
    /// A table.
    Table(Table),
    /// A list.
    List(Vec<Html>),
    /// Rendered Markdown.
    Prose(Html),
    /// A command, or text as it is.
    Code(String),
    /// A figure with its markup inside.
    Figure(Html),
}

/// A table; on a narrow screen each row becomes a stack of named cells.
pub(crate) struct Table {
    /// What it shows.
    pub(crate) caption: String,
    /// The headings; the first column names the row.
    pub(crate) columns: Vec<Column>,
    /// The rows.
    pub(crate) rows: Vec<Row>,
}

/// A column.
pub(crate) struct Column {
    /// Its heading.
    pub(crate) label: String,
    /// `r num`: right-aligned figures; `num`: figures; empty: text.
    pub(crate) class: &'static str,
}

/// A row.
pub(crate) struct Row {
    /// What to link to; may be empty.
    pub(crate) id: String,
    /// The cells, one a column.
    pub(crate) cells: Vec<Html>,
}

impl Table {
    /// A table without rows yet.
    pub(crate) fn new(caption: impl Into<String>, columns: &[(&str, Shape)]) -> Self {
        Self {
            caption: caption.into(),
            columns: columns.iter().map(|(label, shape)| Column { label: (*label).to_owned(), class: shape.class() }).collect(),
            rows: Vec::new(),
        }
    }

    /// The cells of a row with their columns.
    pub(crate) fn cells<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = (&'a Column, &'a Html)> {
        self.columns.iter().zip(&row.cells)
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Html>) {
        self.rows.push(Row { id: String::new(), cells });
    }
}

/// What stands in a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Text.
    Text,
    /// Figures that are compared by place, set to the right.
    Count,
    /// Times and other figures, set to the left.
    Figure,
}

impl Shape {
    const fn class(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Count => "r num",
            Self::Figure => "num",
        }
    }
}

/// A link of the frame.
pub(crate) struct FrameLink {
    pub(crate) href: String,
    pub(crate) text: &'static str,
    pub(crate) current: bool,
    pub(crate) lang: &'static str,
}

/// A page in its frame.
#[derive(Template)]
#[template(path = "site/page.html")]
pub(crate) struct Framed<'a> {
    pub(crate) page: &'a Page,
    pub(crate) pen: &'a Pen<'a>,
    pub(crate) lang: &'static str,
    pub(crate) root: String,
    pub(crate) home: String,
    pub(crate) product: &'a str,
    pub(crate) nav: Vec<FrameLink>,
    pub(crate) languages: Vec<FrameLink>,
    pub(crate) canonical: Option<String>,
    pub(crate) alternates: Vec<FrameLink>,
    pub(crate) twin: Option<String>,
    pub(crate) feed: Option<String>,
    pub(crate) footer: Html,
}
