//! What is about to be committed, and what messages say.

use crate::{RepositoryError, discover::Repository};

/// The message of a commit or of an annotated tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The commit, in full; of a tag, the commit that it names.
    pub commit: String,
    /// What it says; bytes that are not UTF-8 are replaced.
    pub text: String,
}

impl Repository {
    /// The files that the index holds otherwise than the commit that is checked out, each path with the id of its content; all
    /// of them before the first commit. Links, submodules and what is not merged are left out.
    ///
    /// # Errors
    /// When `git` fails, or answers otherwise than it is documented to.
    pub fn staged(&self) -> Result<Vec<(String, String)>, RepositoryError> {
        let is_file = |mode: &str| matches!(mode, "100644" | "100755" | "100664");
        let mut staged = Vec::new();
        let Some(head) = self.head()? else {
            // `<mode> <id> <stage>\t<path>\0` (git-ls-files(1)).
            let listing = self.git().ask(&["ls-files", "-s", "-z", "--full-name"])?;
            for line in String::from_utf8_lossy(&listing).split('\0').filter(|line| !line.is_empty()) {
                let (told, path) = line.split_once('\t').ok_or_else(|| odd("ls-files"))?;
                if let [mode, id, _] = told.split(' ').collect::<Vec<_>>().as_slice()
                    && is_file(mode)
                {
                    staged.push((path.to_owned(), (*id).to_owned()));
                }
            }
            return Ok(staged);
        };
        // `:<mode> <mode> <id> <id> <status>\0<path>\0` (git-diff-index(1)); compares a tree with the index, so reads no file.
        let arguments =
            ["diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv"];
        let listing = self.git().ask(&[&arguments[..], &[head.as_str(), "--"]].concat())?;
        let listing = String::from_utf8_lossy(&listing);
        let mut parts = listing.split('\0').filter(|part| !part.is_empty());
        while let Some(told) = parts.next() {
            let path = parts.next().ok_or_else(|| odd("diff-index"))?;
            match told.split(' ').collect::<Vec<_>>().as_slice() {
                [_, mode, _, id, status] if is_file(mode) && *status != "U" => staged.push((path.to_owned(), (*id).to_owned())),
                [_, _, _, _, _] => {}
                _ => return Err(odd("diff-index")),
            }
        }
        Ok(staged)
    }

    /// The messages of these commits.
    ///
    /// # Errors
    /// When `git` fails, or one of them is not there.
    pub fn messages_of(&self, commits: &[String]) -> Result<Vec<Message>, RepositoryError> {
        self.messages(&["rev-list", "--no-walk=unsorted", "--header", "--stdin"], commits.iter().cloned())
    }

    /// The messages of the commits that the tips lead to and the known ones do not, those that came first before others.
    ///
    /// # Errors
    /// When `git` fails.
    pub fn messages_since(&self, tips: &[String], known: &[String]) -> Result<Vec<Message>, RepositoryError> {
        let wanted = tips.iter().cloned().chain(known.iter().map(|tip| format!("^{tip}")));
        self.messages(&["rev-list", "--reverse", "--topo-order", "--header", "--stdin"], wanted)
    }

    /// The messages of annotated tags that name a commit.
    ///
    /// # Errors
    /// When `git` fails.
    pub fn tag_messages(&self) -> Result<Vec<Message>, RepositoryError> {
        let format = "--format=%(objecttype)%00%(*objectname)%00%(contents)%00";
        let tags = self.git().ask(&["for-each-ref", format])?;
        let tags = String::from_utf8_lossy(&tags);
        let parts: Vec<&str> = tags.split('\0').collect();
        let of_tag = |tag: &[&str]| match tag {
            [kind, commit, text] if kind.trim_start() == "tag" => {
                Some(Message { commit: (*commit).to_owned(), text: (*text).to_owned() })
            }
            _ => None,
        };
        Ok(parts.chunks_exact(3).filter_map(of_tag).collect())
    }

    fn messages(&self, arguments: &[&str], wanted: impl Iterator<Item = String>) -> Result<Vec<Message>, RepositoryError> {
        let wanted: Vec<u8> = wanted.flat_map(|line| (line + "\n").into_bytes()).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let headers = self.git().ask_with(arguments, wanted)?;
        let mut messages = Vec::new();
        // `<id>\n<headers>\n\n<message, each line indented by four>\0` (git-rev-list(1), --header).
        for commit in String::from_utf8_lossy(&headers).split('\0') {
            let Some((id, rest)) = commit.split_once('\n') else { continue };
            let Some((_, message)) = rest.split_once("\n\n") else { continue };
            let lines: Vec<&str> = message.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
            messages.push(Message { commit: id.to_owned(), text: lines.join("\n") });
        }
        Ok(messages)
    }
}

fn odd(operation: &str) -> RepositoryError {
    crate::history::answered(operation, "a line that it does not write")
}
