"""Imports of each language, from source to edges."""

import pytest

from promotion_gate.collect.git.languages import c, golang, javascript, jvm, python, rust
from promotion_gate.collect.git.languages.registry import LANGUAGES, suffix
from promotion_gate.collect.git.languages.resolved import AMBIGUOUS, EXTERNAL, UNUSED, WILDCARD, nearest


def parsed(files):
    extract = {path: LANGUAGES[suffix(path)].extract for path in files}
    return {path: extract[path](source.encode()) for path, source in files.items()}


def edges(resolve, files, *more):
    resolved = resolve(parsed(files), *more)
    return sorted(resolved.edges), dict(resolved.unresolved)


def test_the_nearest_file_is_meant_or_none():
    assert nearest("a/b/x.py", ["a/b/c/y.py", "a/z.py", "y.py"]) == "a/b/c/y.py"
    assert nearest("a/x.py", ["b/y.py", "c/y.py"]) is None
    assert nearest("a/x.py", []) is None


def test_python():
    files = {
        "shop/__init__.py": "from shop.cart import Cart\n",
        "shop/cart.py": "import os\nfrom . import till\nfrom .money import Euro\nfrom .. import beyond\n",
        "shop/till.py": "def open():\n    from shop import cart\n",
        "shop/money/__init__.py": "import shop.till as t\nfrom ..till import open\n",
        "src/lib/pkg/__init__.py": "x = 1\n",
        "src/lib/pkg/a.py": "import pkg\nfrom pkg.b import c\n",
        "src/lib/pkg/b.py": "c = 1\n",
        "tools/run.py": "import helper\nimport pkg.a\n",
        "tools/helper.py": "import json\n",
        "other/helper2.py": "import helper\n",
    }
    assert edges(python.resolve, files) == (
        [
            ("shop/__init__.py", "shop/cart.py"),
            ("shop/cart.py", "shop/money/__init__.py"),
            ("shop/cart.py", "shop/till.py"),
            ("shop/money/__init__.py", "shop/till.py"),
            ("shop/till.py", "shop/cart.py"),
            ("src/lib/pkg/a.py", "src/lib/pkg/__init__.py"),
            ("src/lib/pkg/a.py", "src/lib/pkg/b.py"),
            ("tools/run.py", "src/lib/pkg/a.py"),
            ("tools/run.py", "tools/helper.py"),
        ],
        {EXTERNAL: 4},
    )


def test_python_copies_of_a_package_are_told_apart_by_nearness_or_not_at_all():
    files = {
        "one/pkg/__init__.py": "x = 1\n", "one/pkg/a.py": "x = 1\n", "one/pkg/b.py": "import pkg.a\n",
        "two/pkg/__init__.py": "x = 1\n", "two/pkg/a.py": "x = 1\n", "three/c.py": "import pkg.a\n",
    }  # fmt: skip
    assert edges(python.resolve, files) == ([("one/pkg/b.py", "one/pkg/a.py")], {AMBIGUOUS: 1})


def test_java_scala_and_kotlin_import_one_another():
    files = {
        "core/src/main/java/org/shop/Cart.java": """
            package org.shop;  // import org.shop.Not;
            import java.util.List;
            import org.till.Till;
            import static org.till.Money.euro;
            import org.till.Till.D;
            import org.till.*;
            class Cart { Item neighbour; String s = "import org.shop.Not;"; }
        """,
        "core/src/main/java/org/shop/Item.java": "package org.shop; public interface Item {}",
        "till/Till.scala": "package org.till\nimport org.shop.{Cart => C, Item}\nclass Till\nobject Till { class D }",
        "till/Money.kt": "package org.till\nimport org.shop.Item as I\nimport org.till.*\nfun euro() = 1\n",
        "till/Uses.kt": "package other\nimport org.till.euro\nimport org.none.X\n",
    }
    found, unresolved = edges(jvm.resolve, files)
    assert found == [
        ("core/src/main/java/org/shop/Cart.java", "till/Till.scala"),
        ("till/Money.kt", "core/src/main/java/org/shop/Item.java"),
        ("till/Till.scala", "core/src/main/java/org/shop/Cart.java"),
        ("till/Till.scala", "core/src/main/java/org/shop/Item.java"),
        ("till/Uses.kt", "till/Money.kt"),
    ]
    assert unresolved == {WILDCARD: 2, EXTERNAL: 3}


def test_java_s_copies_of_a_class_are_told_apart_by_nearness():
    files = {
        "old/org/A.java": "package org; class A {}", "new/org/A.java": "package org; class A {}",
        "new/com/B.java": "package com; import org.A; class B {}", "C.java": "import org.A; class C {}",
    }  # fmt: skip
    assert edges(jvm.resolve, files) == ([("new/com/B.java", "new/org/A.java")], {AMBIGUOUS: 1})


@pytest.mark.parametrize(
    ("written", "imports"),
    [
        ("import a.b.C", [("a.b.C", "")]),
        ("import a.b._", [("a.b", "*")]),
        ("import a.b.*", [("a.b", "*")]),
        ("import a.{B, C => D, E as F, _}", [("a.B", ""), ("a.C", ""), ("a.E", ""), ("a", "*")]),
        ("import a.B, c.{D, E}, f.G", [("a.B", ""), ("c.D", ""), ("c.E", ""), ("f.G", "")]),
        ("import a.{ // all of it\n  B,\n  C\n}", [("a.B", ""), ("a.C", "")]),
    ],
)
def test_scala_s_ways_to_import(written, imports):
    assert jvm.scala(f"package p\n{written}\nclass X\n".encode()).imports == tuple(imports)


def test_javascript_and_typescript():
    files = {
        "src/a.ts": "import x, {type Y} from './b'; export * from './lib'; import z = require('../tools/c')",
        "src/b.tsx": "const a = import('./a.js'); const l = <p>import './no'</p>; import('./' + a); f('./no')",
        "src/lib/index.ts": "import type { A } from '../a'; import 'react'; import '.'",
        "tools/c.js": "const b = require('../src/b'); // require('./no')\nrequire(b); import missing from './missing'",
    }
    assert edges(javascript.resolve, files) == (
        [
            ("src/a.ts", "src/b.tsx"),
            ("src/a.ts", "src/lib/index.ts"),
            ("src/a.ts", "tools/c.js"),
            ("src/b.tsx", "src/a.ts"),
            ("src/lib/index.ts", "src/a.ts"),
            ("tools/c.js", "src/b.tsx"),
        ],
        {EXTERNAL: 2},
    )


def test_go_s_imports_lead_to_the_files_that_declare_what_is_used():
    files = {
        "main.go": """
            package main
            import (
                "fmt"
                cart "example.org/shop/pkg/cart"
                "example.org/shop/pkg/till/v2"
                _ "example.org/shop/pkg/driver"
            )
            func main() { fmt.Println(cart.New(), money.Euro) ; var d money.Drawer ; cart.hidden() }
        """,
        "pkg/cart/cart.go": "package cart\nfunc New() int { return 1 }\nfunc hidden() {}\n",
        "pkg/cart/other.go": "package cart\ntype Other struct{}\nfunc (o Other) New() {}\n",
        "pkg/till/v2/till.go": "package money\nconst Dollar, Euro = 1, 2\n",
        "pkg/till/v2/drawer.go": "package money\ntype Drawer = int\n",
        "pkg/driver/driver.go": "package driver\nvar Driver = 1\n",
    }
    assert edges(golang.resolve, files, {"": "example.org/shop"}) == (
        [
            ("main.go", "pkg/cart/cart.go"),
            ("main.go", "pkg/till/v2/drawer.go"),
            ("main.go", "pkg/till/v2/till.go"),
        ],
        {EXTERNAL: 1, UNUSED: 1},
    )


def test_go_s_modules_may_lie_in_one_another():
    files = {
        "a/a.go": 'package a\nimport "example.org/x/b"\nvar A = b.B\n',
        "tools/b/b.go": "package b\nvar B = 1\n",
        "b/b.go": "package b\nvar C = 1\n",
    }
    modules = {"": "example.org", "tools": "example.org/x"}
    assert edges(golang.resolve, files, modules) == ([("a/a.go", "tools/b/b.go")], {})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"// c\nmodule example.org/shop\n\ngo 1.22\n", "example.org/shop"),
        (b'module "example.org/q" // c\n', "example.org/q"),
        (b"\xff", None),
        (b"go 1.22\n", None),
    ],
)
def test_go_mod(text, path):
    assert golang.module_path(text) == path


CARGO = {
    "Cargo.toml": b'[package]\nname = "shop"\n[[bin]]\nname = "shop"\npath = "core/main.rs"\n[workspace]\n',
    "crates/till-box/Cargo.toml": b'[package]\nname = "till-box"\n',
    "crates/odd/Cargo.toml": b'[package]\nname = "odd"\n[lib]\nname = "even"\npath = "code/root.rs"\n',
    "broken/Cargo.toml": b"[package\n", "empty/Cargo.toml": b"[workspace]\n",
}  # fmt: skip


def test_rust():
    files = {
        "core/main.rs": "mod cart;\nmod money;\nmod inline { use super::gone::X; mod no; }\nuse std::io;\n",
        "core/cart.rs": "mod item;\nuse crate::money::{self, Euro, coins::{C as D, *}};\nuse till_box::drawer::Open;\n",
        "core/cart/item.rs": "use super::Cart;\nuse super::super::money;\nfn f() { use crate::no; }\n",
        "core/money/mod.rs": "pub mod coins;\nuse self::coins::Cent;\nuse coins::Cent as Other;\nmod missing;\n",
        "core/money/coins.rs": "use crate::Shop;\n",
        "crates/till-box/src/lib.rs": "pub mod drawer;\n",
        "crates/till-box/src/drawer.rs": "use even::Thing;\nuse {serde::Serialize, crate::Till};\n",
        "crates/odd/code/root.rs": "pub struct Thing;\n",
    }
    assert edges(rust.resolve, files, rust.crates(CARGO)) == (
        [
            ("core/cart.rs", "core/cart/item.rs"),
            ("core/cart.rs", "core/money/coins.rs"),
            ("core/cart.rs", "core/money/mod.rs"),
            ("core/cart.rs", "crates/till-box/src/drawer.rs"),
            ("core/cart/item.rs", "core/cart.rs"),
            ("core/cart/item.rs", "core/money/mod.rs"),
            ("core/main.rs", "core/cart.rs"),
            ("core/main.rs", "core/money/mod.rs"),
            ("core/money/coins.rs", "core/main.rs"),
            ("core/money/mod.rs", "core/money/coins.rs"),
            ("crates/till-box/src/drawer.rs", "crates/odd/code/root.rs"),
            ("crates/till-box/src/drawer.rs", "crates/till-box/src/lib.rs"),
            ("crates/till-box/src/lib.rs", "crates/till-box/src/drawer.rs"),
        ],
        {EXTERNAL: 3},
    )


def test_c_and_c_plus_plus():
    files = {
        "src/main.c": '#include <stdio.h>\n#include "cart.h"\n#include <shop/till.h>\n/* #include "no.h" */\n',
        "src/cart.h": '#ifdef X\n#include "../lib/money.hpp"\n#endif\n#include "money.hpp"\n',
        "include/shop/till.h": '#include "gone.h"\n#include MACRO\n',
        "lib/money.hpp": "#include <string.h>\n",
        "compat/string.h": "int x;\n",
        "a/one.h": "int x;\n", "b/one.h": "int x;\n", "c/uses.cc": '#include "one.h"\n',
    }  # fmt: skip
    assert edges(c.resolve, files) == (
        [
            ("src/cart.h", "lib/money.hpp"),
            ("src/main.c", "include/shop/till.h"),
            ("src/main.c", "src/cart.h"),
        ],
        {EXTERNAL: 3, AMBIGUOUS: 1},
    )


@pytest.mark.parametrize("path", [path for path, one in LANGUAGES.items() if one.extract and path != ".py"])
def test_a_broken_file_says_what_is_whole_in_it_and_ends(path):
    for source in (b"", b"\xff\xfe\x00", b"}}}} import {{{", b"import " * 200, b"((((" * 2000):
        assert LANGUAGES[path].extract(source) is not None
