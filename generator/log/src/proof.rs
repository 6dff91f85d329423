//! Inclusion and consistency proofs (RFC 9162 sections 2.1.3 and 2.1.4): made from any store of nodes, checked from bytes.

use crate::merkle::{Hash, empty_root, node_hash};

/// Gives the root of the complete subtree of 2^level leaves that begins at leaf `index` × 2^level.
pub type Nodes<'a> = dyn FnMut(u32, u64) -> Option<Hash> + 'a;

/// The proof that leaf `index` is in a tree of `size` leaves, nearest sibling first.
///
/// None when there is no such leaf, or a node is not to be had.
pub fn prove_inclusion(index: u64, size: u64, nodes: &mut Nodes<'_>) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while to - from > 1 {
        let split = from + split_of(to - from);
        if index < split {
            path.push(range_root(split, to, nodes)?);
            to = split;
        } else {
            path.push(range_root(from, split, nodes)?);
            from = split;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether a proof shows that the leaf with this hash is at `index` in the tree with this root.
pub fn check_inclusion(leaf: &Hash, index: u64, size: u64, root: &Hash, path: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut node = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            node = node_hash(sibling, &node);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            node = node_hash(&node, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && node == *root
}

/// The proof that the tree of `size` leaves begins with the tree of its first `old` leaves.
///
/// None when there is no such tree, or a node is not to be had. Empty when `old` is 0 or `size`.
pub fn prove_consistency(old: u64, size: u64, nodes: &mut Nodes<'_>) -> Option<Vec<Hash>> {
    if old > size {
        return None;
    }
    if old == 0 || old == size {
        return Some(Vec::new());
    }
    let (mut from, mut to, mut whole) = (0, size, true);
    let mut path = Vec::new();
    while old != to {
        let split = from + split_of(to - from);
        if old <= split {
            path.push(range_root(split, to, nodes)?);
            to = split;
        } else {
            path.push(range_root(from, split, nodes)?);
            from = split;
            whole = false;
        }
    }
    if !whole {
        path.push(range_root(from, to, nodes)?);
    }
    path.reverse();
    Some(path)
}

/// Whether a proof shows that the tree with root `new_root` begins with the tree with root `old_root`.
pub fn check_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, path: &[Hash]) -> bool {
    if old == 0 {
        return path.is_empty() && *old_root == empty_root();
    }
    if old >= new {
        return old == new && path.is_empty() && old_root == new_root;
    }
    let mut path = path.iter();
    // A complete old tree is a node of the new one: the proof leaves it out because the checker has it.
    let first = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let shift = (old - 1).trailing_ones();
    let (mut at, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
    let (mut old_node, mut new_node) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_node = node_hash(sibling, &old_node);
            new_node = node_hash(sibling, &new_node);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new_node = node_hash(&new_node, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old_node == *old_root && new_node == *new_root
}

/// The largest power of two below a size of at least 2.
const fn split_of(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The root over the leaves `from..to`, where `from` is a multiple of a power of two that is at least their number.
fn range_root(from: u64, to: u64, nodes: &mut Nodes<'_>) -> Option<Hash> {
    let mut parts = Vec::new();
    let mut at = from;
    while at < to {
        let level = 63 - (to - at).leading_zeros();
        parts.push(nodes(level, at >> level)?);
        at += 1 << level;
    }
    let mut parts = parts.into_iter().rev();
    let last = parts.next()?;
    Some(parts.fold(last, |right, left| node_hash(&left, &right)))
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use sha2::Sha256;

    use super::*;
    use crate::merkle::{leaf_hash, root};

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
    }

    fn nodes(leaves: &[Hash]) -> impl FnMut(u32, u64) -> Option<Hash> + '_ {
        |level, index| {
            let (from, to) = ((index << level) as usize, ((index + 1) << level) as usize);
            leaves.get(from..to).map(root)
        }
    }

    /// The other implementation frames its leaves; ours are given as they are.
    fn peer(count: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
        let mut tree = MemoryBackedTree::new();
        for index in 0..count {
            tree.push(index.to_be_bytes().to_vec());
        }
        tree
    }

    fn flat(path: &[Hash]) -> Vec<u8> {
        path.concat()
    }

    #[test]
    fn roots_and_inclusion_proofs_agree_with_another_implementation() {
        let all = leaves(300);
        for size in 1..=300u64 {
            let tree = peer(size);
            let ours = root(&all[..size as usize]);
            assert_eq!(ours.as_slice(), tree.root().as_bytes().as_slice(), "size {size}");
            let step = if size < 70 { 1 } else { 37 };
            for index in (0..size).step_by(step).chain([size - 1]) {
                let path = prove_inclusion(index, size, &mut nodes(&all[..size as usize])).unwrap();
                assert_eq!(flat(&path), tree.prove_inclusion(index as usize).as_bytes(), "{index} of {size}");
                assert!(check_inclusion(&all[index as usize], index, size, &ours, &path));
                assert!(!check_inclusion(&all[index as usize], index + 1, size, &ours, &path));
                assert!(!check_inclusion(&leaf_hash(b"x"), index, size, &ours, &path));
                if !path.is_empty() {
                    assert!(!check_inclusion(&all[index as usize], index, size, &ours, &path[1..]));
                }
                let mut longer = path.clone();
                longer.push([0; 32]);
                assert!(!check_inclusion(&all[index as usize], index, size, &ours, &longer));
            }
        }
    }

    #[test]
    fn consistency_proofs_agree_with_another_implementation() {
        let all = leaves(64);
        for new in 1..=64u64 {
            let tree = peer(new);
            let new_root = root(&all[..new as usize]);
            for old in 1..new {
                let old_root = root(&all[..old as usize]);
                let path = prove_consistency(old, new, &mut nodes(&all[..new as usize])).unwrap();
                assert_eq!(flat(&path), tree.prove_consistency((new - old) as usize).as_bytes(), "{old} of {new}");
                assert!(check_consistency(old, &old_root, new, &new_root, &path));
                assert!(!check_consistency(old, &[7; 32], new, &new_root, &path));
                assert!(!check_consistency(old, &old_root, new, &[7; 32], &path));
                for flipped in 0..path.len() {
                    let mut broken = path.clone();
                    broken[flipped][5] ^= 1;
                    assert!(!check_consistency(old, &old_root, new, &new_root, &broken));
                }
                if !path.is_empty() {
                    assert!(!check_consistency(old, &old_root, new, &new_root, &path[1..]));
                }
            }
        }
    }

    #[test]
    fn the_edges_of_the_domain_are_refused() {
        assert_eq!(prove_inclusion(0, 0, &mut |_, _| None), None);
        assert_eq!(prove_consistency(2, 1, &mut |_, _| None), None);
        assert!(!check_inclusion(&[0; 32], 0, 0, &[0; 32], &[]));
        assert!(!check_inclusion(&[0; 32], u64::MAX - 1, u64::MAX, &[0; 32], &[[0; 32]; 80]));
        assert!(!check_consistency(u64::MAX - 1, &[0; 32], u64::MAX, &[0; 32], &[[0; 32]; 80]));
        assert!(!check_consistency(3, &[0; 32], 2, &[0; 32], &[]));
        assert!(check_consistency(0, &empty_root(), 2, &[0; 32], &[]));
        assert!(!check_consistency(0, &[1; 32], 2, &[0; 32], &[]));
    }
}
