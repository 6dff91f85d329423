//! `requirements.txt` with the files that it includes, and with constraints.

use super::*;

type Tree<'a> = BTreeMap<&'a str, String>;

fn tree<'a>(files: &[(&'a str, &str)]) -> Tree<'a> {
    files.iter().map(|(path, text)| (*path, (*text).to_owned())).collect()
}

fn read_of(path: &str, files: &Tree<'_>) -> Result<Lockfile, Unreadable> {
    parse_with(path, files[path].as_bytes(), &|path| files.get(path).map(|text| text.clone().into_bytes()))
}

fn names(lock: &Lockfile) -> Vec<String> {
    lock.foreign().map(|it| format!("{} {}", it.name, it.version.as_deref().unwrap_or("-"))).collect()
}

const ONE: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const TWO: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn included_files_are_read_relative_to_who_names_them() {
    let files = tree(&[
        ("py/requirements.txt", "-r base.txt\n--requirement=../common/all.txt\na==1.0\n"),
        ("py/base.txt", "b==2.0\n"),
        ("common/all.txt", "--requirement 'more/two words.txt'\nc==3.0\n"),
        ("common/more/two words.txt", "d==4.0\n-r ../../py/base.txt\n"),
    ]);
    let lock = read_of("py/requirements.txt", &files).unwrap();
    assert_eq!(names(&lock), ["a 1.0", "b 2.0", "c 3.0", "d 4.0"]);
    assert!(lock.unresolved.is_empty(), "{:?}", lock.unresolved);
    let included: Vec<&str> = lock.included.keys().map(String::as_str).collect();
    assert_eq!(included, ["common/all.txt", "common/more/two words.txt", "py/base.txt"]);
    assert_eq!(lock.included["py/base.txt"], Digest::of(b"b==2.0\n"));
}

#[test]
fn what_is_not_there_is_named() {
    let text = "-r absent.txt\n-c https://user:secret@host.example/c.txt\n-r ${DIR}/x.txt\n--nonsense\na==1.0\n";
    let lock = read_of("requirements.txt", &tree(&[("requirements.txt", text)])).unwrap();
    let unresolved: Vec<&str> = lock.unresolved.iter().map(String::as_str).collect();
    assert_eq!(
        unresolved,
        [
            "gives the option --nonsense, which is not known",
            "includes ${DIR}/x.txt, which is not read",
            "includes absent.txt, which is not read",
            "includes https://host.example/c.txt, which is not read",
        ]
    );
}

#[test]
fn constraints_pin_and_narrow_and_add_nothing() {
    let files = tree(&[
        (
            "requirements.txt",
            &format!(
                "-c constraints.txt\nFlask[async]>=2\nlocked==1.0 --hash={ONE} --hash={TWO}\nbare\nopen>=1\nother==1\n\
                 fork ; python_version < '3.9'\nseveral\nwrong==1 --hash={ONE}\n"
            ),
        ),
        (
            "constraints.txt",
            &format!(
                "flask==3.0.0 --hash={ONE}\nlocked==1.0.0 --hash={TWO}\nbare==0.1 ; python_version >= '3.8'\nopen<9\nother==2\n\
                 fork @ https://host.example/fork-1.tar.gz\nseveral==1 ; python_version < '3'\nseveral==2 ; python_version >= '3'\n\
                 unasked==7.0\nwrong==1 --hash={TWO}\n-r from-constraints.txt\n"
            ),
        ),
        ("from-constraints.txt", "asked-by-a-constraint==1\n"),
    ]);
    let lock = read_of("requirements.txt", &files).unwrap();
    let expected = [
        "asked-by-a-constraint 1",
        "bare 0.1",
        "flask 3.0.0",
        "fork -",
        "locked 1.0",
        "other 1",
        "several 1",
        "several 2",
        "wrong 1",
    ];
    assert_eq!(names(&lock), expected);
    let unresolved: Vec<&str> = lock.unresolved.iter().map(String::as_str).collect();
    assert_eq!(
        unresolved,
        [
            "open is not pinned with `==`",
            "other==1 contradicts the constraint other==2",
            "wrong==1 has no hash that every line allows"
        ]
    );
    let hashes = |name: &str| package(&lock, name).hashes.iter().map(|hash| hash.hex.as_str()).collect::<Vec<_>>();
    assert_eq!(hashes("flask"), [&ONE[7..]]);
    assert_eq!(hashes("locked"), [&TWO[7..]]);
    assert!(package(&lock, "wrong").archives.is_empty());
    let conditional: Vec<&str> = lock.foreign().filter(|it| it.conditional).map(|it| it.name.as_str()).collect();
    assert_eq!(conditional, ["bare", "fork", "several", "several"]);
    assert_eq!(package(&lock, "fork").origin, Origin::Archive { url: "https://host.example/fork-1.tar.gz".into() });
}

#[test]
fn an_index_counts_for_all_files_and_the_last_one_stands() {
    let files = tree(&[
        ("requirements.txt", "-i https://first.example/simple\na==1\n-r more.txt\n"),
        ("more.txt", "b==1\n--index-url=https://last.example/simple\n"),
    ]);
    let lock = read_of("requirements.txt", &files).unwrap();
    let last = Origin::OtherRegistry { url: "https://last.example/simple".into() };
    assert!(lock.foreign().all(|package| package.origin == last));
}

#[test]
fn what_leads_away_or_back_is_refused_at_its_line() {
    for (files, place) in [
        (tree(&[("requirements.txt", "a==1\n-r ../other.txt\n")]), "requirements.txt:2:1: `../other.txt` is no file"),
        (tree(&[("requirements.txt", "-c /etc/passwd\n")]), "requirements.txt:1:1: `/etc/passwd` is no file"),
        (tree(&[("requirements.txt", "-r file:///etc/passwd\n")]), "requirements.txt:1:1: `file:///etc/passwd` is no file"),
        (tree(&[("requirements.txt", "-r C:\\x.txt\n")]), "requirements.txt:1:1: `C:\\x.txt` is no file"),
        (tree(&[("requirements.txt", "-r\n")]), "requirements.txt:1:1: `` is no file"),
        (
            tree(&[("requirements.txt", "-r a/b.txt\n"), ("a/b.txt", "x==1\n-r ../../c.txt\n")]),
            "a/b.txt:2:1: `../../c.txt` is no",
        ),
        (tree(&[("requirements.txt", "-r ./requirements.txt\n")]), "requirements.txt:1:1: `requirements.txt` is included here"),
        (
            tree(&[("requirements.txt", "-r a.txt\n"), ("a.txt", "\n-c b.txt\n"), ("b.txt", "x==1\n\n-r a.txt\n")]),
            "b.txt:3:1: `a.txt` is included here, and leads to this line itself; remove one",
        ),
        (tree(&[("requirements.txt", "-r a.txt\n"), ("a.txt", "x==1\n!!!\n")]), "a.txt:2:1: "),
        (tree(&[("requirements.txt", "-r a.txt\n"), ("a.txt", "x==1\n<<<<<<< ours\n")]), "a.txt:2:1: an unresolved merge"),
        (tree(&[("requirements.txt", "-r a.txt\n"), ("a.txt", "x==1\0")]), "a.txt:1:5: a NUL byte"),
    ] {
        let error = read_of("requirements.txt", &files).unwrap_err().to_string();
        assert!(error.contains(place), "{error} instead of {place}");
    }
}

#[test]
fn bombs_of_includes_are_read_once_or_refused() {
    // Each of 40 files includes the next one twice: 2^40 readings, if each were one.
    let text = |nth: usize| format!("-r {0}.txt\n-c {0}.txt\n-r {0}.txt\np{nth}==1\n", nth + 1);
    let beside = |path: &str| {
        let nth: usize = path.strip_suffix(".txt")?.parse().ok()?;
        (nth <= 40).then(|| if nth == 40 { b"end==1\n".to_vec() } else { text(nth).into_bytes() })
    };
    let lock = parse_with("requirements.txt", text(0).as_bytes(), &beside).unwrap();
    assert_eq!((lock.foreign().count(), lock.included.len()), (41, 40));
    // Ten thousand files, one below the other and one beside the other.
    let below = |path: &str| Some(format!("-r {}.txt\n", path.strip_suffix(".txt")?.parse::<usize>().ok()? + 1).into_bytes());
    let error = parse_with("requirements.txt", b"-r 1.txt\n", &below).unwrap_err().to_string();
    assert!(error.starts_with("1000.txt:1:1: more than 1000 files are included"), "{error}");
    // Each includes one below itself by a long name: 1,000 of them would take the square of their paths.
    let deeper = format!("-r {0}/{0}\n", "m".repeat(100));
    let error =
        parse_with("requirements.txt", deeper.as_bytes(), &|_| Some(deeper.clone().into_bytes())).unwrap_err().to_string();
    assert!(error.contains("is no file of this repository"), "{error}");
    let many: String = (0..10_000).map(|nth| format!("-r {nth}.txt\n")).collect();
    let error = parse_with("requirements.txt", many.as_bytes(), &|_| Some(b"a==1\n".to_vec())).unwrap_err().to_string();
    assert!(error.starts_with("requirements.txt:1001:1: more than 1000 files"), "{error}");
    // Together they are one file: what is too much for one is too much.
    let many: String = (0..40).map(|nth| format!("-r {nth}.txt\n")).collect();
    let error = parse_with("requirements.txt", many.as_bytes(), &|_| Some(vec![b' '; 1 << 20])).unwrap_err().to_string();
    assert!(error.contains("more than the"), "{error}");
    let lines = "a==1\n".repeat(10_000);
    let error = parse_with("requirements.txt", many.as_bytes(), &|_| Some(lines.clone().into_bytes())).unwrap_err().to_string();
    assert!(error.contains("too many lines"), "{error}");
}

#[test]
fn many_lines_of_one_name_take_no_more_than_as_many_names() {
    let asked: String = (0..40_000).map(|nth| format!("a=={nth}\n")).chain((0..10_000).map(|_| "b\n".to_owned())).collect();
    let narrowing: String = (40_000..80_000).map(|nth| format!("a=={nth}\nb=={nth} --hash={ONE}\n")).collect();
    let files = tree(&[("requirements.txt", &format!("-c c.txt\n{asked}")), ("c.txt", &narrowing)]);
    let error = read_of("requirements.txt", &files).unwrap_err().to_string();
    assert!(error.contains("too many lines"), "{error}");
    let half: String = (40_000..60_000).map(|nth| format!("a=={nth}\nb=={nth} --hash={ONE}\n")).collect();
    let files = tree(&[("requirements.txt", &format!("-c c.txt\n{asked}")), ("c.txt", &half)]);
    assert_eq!(read_of("requirements.txt", &files).unwrap().foreign().count(), 60_000);
}

/// The lines of a file and of those that it includes, put where they are included: by hand, and with no bound.
fn flat(path: &str, files: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in &files[path] {
        match line.strip_prefix("-r ") {
            Some(named) => lines.extend(flat(named, files)),
            None => lines.push(line.clone()),
        }
    }
    lines
}

proptest! {
    #[test]
    fn files_that_are_included_say_what_one_file_would(
        lines in prop::collection::vec((0_usize..6, 0_usize..4, 0_u8..3, 0_usize..6), 1..40),
    ) {
        let mut files: BTreeMap<String, Vec<String>> = (0..6).map(|nth| (format!("{nth}/requirements.txt"), Vec::new())).collect();
        let mut roots: BTreeMap<String, Vec<String>> = files.clone();
        for (file, name, version, other) in lines {
            let (line, as_root) = if other > file {
                (format!("-r ../{other}/requirements.txt"), format!("-r {other}/requirements.txt"))
            } else {
                let name = ["a", "b", "c", "d"][name];
                let line = if version == 0 { format!("{name}>=1") } else { format!("{name}=={version}") };
                (line.clone(), line)
            };
            files.get_mut(&format!("{file}/requirements.txt")).unwrap().push(line);
            roots.get_mut(&format!("{file}/requirements.txt")).unwrap().push(as_root);
        }
        let texts: BTreeMap<String, String> = files.iter().map(|(path, lines)| (path.clone(), lines.join("\n"))).collect();
        let path = "0/requirements.txt";
        let included = parse_with(path, texts[path].as_bytes(), &|path| texts.get(path).map(|text| text.clone().into_bytes()));
        let whole = parse(path, flat(path, &roots).join("\n").as_bytes()).unwrap();
        prop_assert_eq!(Lockfile { included: BTreeMap::new(), ..included.unwrap() }, whole);
    }
}
