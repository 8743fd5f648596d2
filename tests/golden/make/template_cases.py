"""Small templates for templates.py: every construct, filter, test and method, at its edges."""

VARS = {
    "n": 42, "neg": -7, "f": 3.75, "big": 9007199254740993, "t": True, "no": False, "nil": None,
    "s": "Hello World", "u": "Žluťoučký kůň 🐎", "e": "", "lines": "one\ntwo\r\nthree\n\nfive", "ws": " \t x \n",
    "l": [3, 1, 2], "mixed": [1, "two", 3.0, None, True, [4], {"k": "v"}], "words": ["pear", "Apple", "fig", "apple"],
    "d": {"b": 1, "a": 2, "C": 3}, "nested": {"x": {"y": [10, {"z": "deep"}]}}, "ed": {}, "el": [],
    "users": [{"name": "Ann", "age": 30, "tags": ["x"]}, {"name": "bob", "age": 25, "tags": []}, {"name": "Cid", "age": 30}],
    "quotes": "it's \"q\"", "ctl": "a\x00b\x1f\x7f\u2028\u200b\n\t\\", "html": "<a href='x'>&\"</a>",
    "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}],
}

EXPRESSIONS = r"""
1
1 + 2
1 + 2 * 3
(1 + 2) * 3
7 / 2
7 // 2
-7 // 2
7 // -2
7 % 3
-7 % 3
7 % -3
7.5 % 2
-7.5 // 2
-7.5 % 2
7.5 % -2
2 ** 10
2 ** -1
2 ** 0.5
-2 ** 2
2 ** 3 ** 2
10 / 4
10 / 5
1e3
1.5e-7
1e16
1e15
123456789012345680.0
0.1 + 0.2
1/3
1e22
1e-5
0.0001
100000.0
1_000
0x1F
0b101
0o17
1_0.5_0
5.0
-0.0
n
neg
f
big
big + 1
t
no
nil
t + 1
t * 3
"a" + "b"
"a" ~ 1 ~ none ~ true ~ 1.0 ~ [1]
"ab" * 3
3 * "ab"
"ab" * -1
[1] * 2 + [2]
(1, 2) + (3,)
[1, "a", none, true, 1.5, (1,), {"a": 1}, ()]
{"a": 1, 2: "b", none: [1], true: {}}
()
(1,)
(1, 2)
1, 2
"it's"
'say "x"'
["it's", 'say "x"', "both ' \"", "nl\n\t\\", "é", "\u200b", "\x00"]
quotes
[quotes]
[ctl]
[u]
["\xa0", "­", "", "ﷺ", "𝒳"]
undefined_thing
[undefined_thing]
undefined_thing is defined
undefined_thing ~ "x"
undefined_thing == undefined_other
undefined_thing == none
undefined_thing or "fallback"
not undefined_thing
undefined_thing.attr
undefined_thing["attr"]
undefined_thing + 1
undefined_thing()
undefined_thing < 1
undefined_thing in [1]
1 in undefined_thing
nested.x.y[1].z
nested["x"]["y"][0]
nested.x.nope
nested.x.nope.more
nested.x["nope"]
nested.nope.more
l[0]
l[-1]
l[5]
l[5].x
l["0"]
l.0
l[1.0]
l[true]
s[0]
s[-1]
s[99]
u[2]
u[-1]
d.a
d["a"]
d.items
d.items is mapping
d.get
nested.x.get("y")
d.get("zz")
d.get("zz", 5)
d.keys()
d.values()
d.items()
d.keys() | list
d.items() | list
d.items() | length
"a" in d.keys()
("a", 2) in d.items()
d.copy()
d.pop("a")
d.update({"x": 1})
d.clear
d.clear is defined
l.append(1)
l.append is defined
l.append
l.index(1)
l.index(99)
l.count(3)
l.copy()
l.nope
l.nope()
(1, 2, 1).count(1)
(1, 2).index(2)
s.nope
n.nope
nil.nope
nil["x"]
d.__class__
s.__class__.__name__
l._private
l[0:2]
l[::-1]
l[1:]
l[:-1]
l[:]
l[::2]
l[5:]
l[-2:]
l[2:0:-1]
s[0:5]
s[::-1]
s[6:]
s[:-6]
s[-5:-1]
s[::3]
u[1:4]
u[::-1]
u[-3:]
(1,2,3)[1:]
l[none:2]
l["a":]
l[::0]
d[1:]
nil[1:]
n[0:1]
range(5)
range(5)[1:3]
range(10)[::3]
range(5)[-1]
range(5) | list
range(1, 10, 3) | list
range(5, 0, -2) | list
range(0)
range(3, 1) | list
range(1, 2, 0)
range(1.5)
range(1000000)
range("a")
2 in range(5)
9 in range(0, 10, 3)
8 in range(0, 10, 3)
range(3) | length
range(3) == range(0, 3)
1 == 1.0
1 == true
"1" == 1
none == none
[1, 2] == [1, 2]
[1, 2] == (1, 2)
{"a": 1} == {"a": 1.0}
{"a": 1, "b": 2} == {"b": 2, "a": 1}
1 != 2
1 < 2 < 3
1 < 3 < 2
3 > 2 >= 2
1 < "a"
"a" < "b"
"Z" < "a"
"é" > "z"
[1, 2] < [1, 3]
[1] < [1, 0]
(1, "a") < (1, "b")
none < 1
[1] < (1,)
d < d
1 in [1, 2]
"x" in [1, 2]
"ell" in s
"" in s
1 in s
"a" in d
5 in d
[1] in d
none in [none]
1 in 5
1 not in [1]
not 1 in [1]
"a" in none
1 and 2
0 and 2
0 or "x"
"" or [] or none
not 1
not ""
not []
not 0.0
not "0"
not none
not d
not ed
true and false or true
1 if true else 2
1 if false else 2
1 if false
(1 if false) is defined
(1 if false).x
1 if true
1 if false else 2 if false else 3
"a" if n > 5 and s else "b"
[1 if t else 2, 3]
-n
+n
- -n
-s
+s
-nil
not not n
-f
1 - -1
1 - 1
[1,2,]
{"a": 1,}
s.upper()
s.lower()
s.title()
"it's they're x1y".title()
"ǆabc ßx".title()
"ß ŉ ﬁ İ ΑΣ Σ ΑΣΑ".lower()
"ß ŉ ﬁ ı ΐ".upper()
"hELLO wORLD".capitalize()
"ßa".capitalize()
"ΌΣΟΣ ΌΣ.".lower()
"Hello".swapcase()
u.upper()
u.lower()
ws.strip()
[ws.lstrip(), ws.rstrip()]
"xxhixx".strip("x")
"xyhiyx".lstrip("xy")
"hi.txt".rstrip(".xt")
"\u2003\u00a0x\u3000".strip()
"abc".strip("")
"abc".strip(none)
"abc".strip(1)
"a,b,,c".split(",")
"a,b,,c".split(",", 1)
"a,b,,c".split(",", -1)
"a,b,,c".split(",", 0)
"  a  b c ".split()
"  a  b c ".split(none, 1)
"  a  b c ".split(" ")
"".split()
"".split(",")
"a--b--c".split("--")
"abc".split("")
"a,b,c".rsplit(",", 1)
"  a  b c ".rsplit(none, 1)
"  a  b c ".rsplit()
"aaa".rsplit("aa")
"a b c".split(maxsplit=1)
"a-b-c".partition("-")
"abc".partition("-")
"a-b-c".rpartition("-")
"abc".rpartition("-")
lines.splitlines()
lines.splitlines(true)
"a\x0bb\x0cc\x1cd\x85e\u2028f".splitlines()
"".splitlines()
"\n".splitlines()
",".join(["a", "b"])
",".join("abc")
",".join([1])
",".join([])
"aXbXc".replace("X", "-")
"aXbXc".replace("X", "-", 1)
"abc".replace("", "-")
"abc".replace("", "-", 2)
"".replace("", "x")
"aaa".replace("aa", "b")
"abc".replace("b", "")
"abc".startswith("a")
"abc".startswith("b", 1)
"abc".startswith(("x", "a"))
"abc".startswith("")
"abc".startswith("", 4)
"abc".endswith("c")
"abc".endswith(("b", "bc"))
"abc".endswith("b", 0, 2)
"abc".startswith(1)
"abcabc".find("c")
"abcabc".find("c", 3)
"abcabc".find("x")
"abcabc".rfind("c")
"abcabc".rfind("c", 0, 4)
"abcabc".index("b")
"abcabc".index("x")
"žaža".find("a")
"žaža".rfind("ž")
"abcabc".count("bc")
"aaaa".count("aa")
"abc".count("")
"abc".count("a", 1)
"prefix-x".removeprefix("prefix-")
"x.txt".removesuffix(".txt")
"x".removesuffix("")
["12".isdigit(), "1.2".isdigit(), "".isdigit(), "²".isdigit(), "٣".isdigit(), "½".isdigit()]
["²".isdecimal(), "٣".isdecimal(), "½".isnumeric(), "Ⅷ".isnumeric()]
["abc".isalpha(), "ab1".isalpha(), "é".isalpha(), "".isalpha()]
["ab1".isalnum(), "a b".isalnum(), "½".isalnum()]
[" \t".isspace(), "".isspace(), " x".isspace()]
["ABC".isupper(), "A1".isupper(), "1".isupper(), "Ab".isupper(), "Ⅷ".isupper()]
["abc".islower(), "a1".islower(), "1".islower(), "ª".islower()]
["Abc Def".istitle(), "abc".istitle(), "A".istitle(), "AB".istitle()]
["abc".isascii(), "é".isascii(), "a b".isidentifier(), "_a1".isidentifier(), "1a".isidentifier(), "a\n".isprintable()]
"42".zfill(5)
"-42".zfill(5)
"+1".zfill(4)
"abc".zfill(2)
"x".ljust(3) ~ "|"
"x".rjust(3, "-")
"ab".center(5, "*")
"abc".center(6, "*")
"a\tb".expandtabs(4)
"{} and {}".format(1, "x")
"{0} {1} {0}".format("a", "b")
"{name} {x}".format(name="n", x=[1])
"{:>5}|{:<5}|{:^5}|".format("a", "b", "c")
"{:05d} {:+d} {:,}".format(42, 42, 1234567)
"{:.2f} {:8.3f} {:e} {:g} {:%}".format(3.14159, 2.5, 12345.678, 0.00001, 0.25)
"{:x} {:X} {:#x} {:o} {:b} {:c}".format(255, 255, 255, 8, 5, 65)
"{!r} {!s}".format("a", "b")
"{{}} {}".format(1)
"{.a} {[b]}".format({"a": 1}, {"b": 2})
"{0[x][y]}".format({"x": {"y": 3}})
"{} {}".format(1)
"{x}".format()
"{:*^9}".format("mid")
"{:{w}}|".format("a", w=4)
"{:.2}".format("abcdef")
"{:.3}".format(123.0)
"{:.3}".format(1.0)
"{:10}|".format(3)
"{:10}|".format("x")
"{:d}".format("x")
"{:q}".format(1)
"{".format()
"}".format()
"{:=+6d}".format(5)
"{:06.2f}".format(-1.5)
"{:_}".format(1234567)
"{:,.2f}".format(1234567.891)
"{}".format(none)
"{:5}".format(none)
"{:5}|".format(true)
"%s" % 1
"%s %s" % (1, "a")
"%d%%" % 50
"%5d|%-5d|%05d" % (1, 2, 3)
"%+d % d" % (1, 2)
"%x %X %o %#x" % (255, 255, 8, 255)
"%.2f %e %g" % (1.005, 12345.678, 1e-7)
"%r %s" % ("a", "b")
"%(a)s %(b)d" % {"a": 1, "b": 2}
"%s" % [1, 2]
"%s" % none
"%s" % undefined_thing
"%s %s" % "a"
"%s" % (1, 2)
"%d" % "x"
"%d" % 1.9
"%c%c" % (65, "B")
"%5.1s|" % "abc"
"%*d" % (5, 1)
"plain" % ()
"plain" % 1
"%" % ()
"%z" % 1
"100%" 
s | upper
s | lower
"foo-bar (baz) [q] <r> it's" | title
"hELLO" | capitalize
ws | trim
"xxhxx" | trim("x")
"  x " | trim | length
n | trim
l | length
s | count
u | length
d | length
n | length
nil | length
undefined_thing | length
l | join
l | join(", ")
mixed | join("|")
users | join(", ", attribute="name")
s | join("-")
el | join(",")
n | join
l | first
l | last
el | first
el | last
s | first
s | last
u | last
d | first
d | last
range(3) | last
(1, 2) | last
(l | map("string")) | last
l | sort
l | sort(reverse=true)
words | sort
words | sort(case_sensitive=true)
words | sort(true)
users | sort(attribute="age") | map(attribute="name") | list
users | sort(attribute="age,name", reverse=true) | map(attribute="name") | list
mixed | sort
s | sort
d | sort
words | unique | list
words | unique(true) | list
[1, 1.0, true, "1"] | unique | list
users | unique(attribute="age") | map(attribute="name") | list
l | reverse | list
s | reverse
u | reverse
d | reverse | list
(1, 2) | reverse | list
n | reverse
l | map("string") | list
words | map("upper") | join(" ")
words | map("replace", "p", "b") | list
users | map(attribute="age") | sum
users | map(attribute="tags") | list
users | map(attribute="nope") | list
users | map(attribute="nope", default="-") | list
users | map(attribute="tags.0") | list
[[1, 2], [3]] | map("sum") | list
[[1, 2], [3]] | map("first") | list
el | map("nofilter") | list
l | map("nofilter") | list
l | map
l | map() | list
l | map(attribute="x", foo=1) | list
l | select("odd") | list
l | reject("odd") | list
l | select("divisibleby", 3) | list
l | select(">", 1) | list
mixed | select | list
mixed | reject | list
mixed | select("string") | list
mixed | reject("none") | list
l | select("notest") | list
users | selectattr("age", "eq", 30) | map(attribute="name") | list
users | rejectattr("age", "equalto", 30) | map(attribute="name") | list
users | selectattr("tags") | map(attribute="name") | list
users | rejectattr("tags") | map(attribute="name") | list
users | selectattr("tags", "defined") | list | length
users | selectattr("name", "in", ["Ann", "Cid"]) | map(attribute="name") | join(",")
l | select("odd") | length
l | select("odd") is iterable
l | select("odd") is sequence
(l | select("odd")) and "true"
(l | select("odd"))[0]
undefined_thing | select("odd") | list
undefined_thing | map("upper") | list
d | items | list
undefined_thing | items | list
l | items | list
d | dictsort
d | dictsort(true)
d | dictsort(false, "value")
d | dictsort(reverse=true)
d | dictsort(by="x")
l | dictsort
undefined_thing | default("x")
undefined_thing | d
nil | default("x")
nil | default("x", true)
"" | default("x", boolean=true)
0 | d(5, true)
nested.nope | default("x")
s | list
d | list
undefined_thing | list
n | list
n | string
nil | string ~ "!"
[1, "a"] | string
"42" | int
"42.9" | int
"abc" | int
"abc" | int(7)
"0x1A" | int(0, 16)
"1A" | int(0, 16)
"101" | int(base=2)
" 12 " | int
"1_000" | int
"-5" | int
"" | int
3.99 | int
-3.99 | int
true | int
nil | int
l | int
undefined_thing | int
"1e3" | int
"3.5" | float
"x" | float
"x" | float(1.5)
nil | float
n | float
"inf" | float
"nan" | float
" 1e-3 " | float
3.7 | round
3.5 | round
2.5 | round
-2.5 | round
2.675 | round(2)
3.14159 | round(3)
1234.5 | round(-2)
42 | round
1250 | round(-2)
42.1 | round(method="ceil")
42.9 | round(0, "floor")
42.123 | round(2, "ceil")
42.55 | round(1, "floor")
42 | round(0, "ceil")
1 | round(method="bad")
"x" | round
-5 | abs
-5.5 | abs
true | abs
"x" | abs
l | sum
[1.5, 2] | sum
el | sum
el | sum(start=5)
["a"] | sum
[[1], [2]] | sum(start=[])
users | sum("age")
l | min
l | max
words | min
words | max(true)
el | min
users | max(attribute="age")
users | min(attribute="name")
mixed | max
l | batch(2) | list
l | batch(2, "x") | list
range(7) | batch(3) | list
range(7) | slice(3) | list
range(7) | slice(3, "-") | list
[] | batch(2) | list
lines | indent
lines | indent(2, true)
lines | indent(2, blank=true)
lines | indent(">> ", first=true)
"" | indent(2, true)
n | indent
html | escape
html | e ~ "<b>"
(html | e) + "<b>"
html | safe
(html | safe) + "<b>"
"<b>" + (html | safe)
[html | e]
(html | e) | e
html | forceescape
"a" | safe is escaped
("<i>" | safe) ~ "<b>"
("%s" | safe) % "<b>"
"a b  c_d é1" | wordcount
"%s-%s" | format(1, "a")
"%(x)s" | format(x=5)
"x" | center(5) ~ "|"
"abcdefghijklmnop qrs" | truncate(10)
"abcdefghijklmnop qrs" | truncate(15, true)
"foo bar baz qux" | truncate(9)
"foo bar baz qux" | truncate(11)
"foo bar baz qux" | truncate(11, false, "...", 0)
1000 | filesizeformat
1 | filesizeformat
123456789 | filesizeformat
123456789 | filesizeformat(true)
"a b/c?é" | urlencode
"ab" | replace("a", "x")
"aab" | replace("a", "x", 1)
n | replace(4, "x")
users | groupby("age") | list
users | groupby("name") | map(attribute=0) | list
users | groupby("age") | map("last") | map("length") | list
l | attr("index") is callable
d | attr("a")
s | nofilter
s is notest
d | tojson
mixed | tojson
nested | tojson
nested | tojson(indent=2)
nested | tojson(indent=0)
ed | tojson(indent=4)
[[], {}, [1]] | tojson(indent=1)
nested | tojson(indent="\t")
d | tojson(sort_keys=true)
[1, 2] | tojson(separators=(",", ":"))
d | tojson(separators=[";", "="])
u | tojson
u | tojson(ensure_ascii=true)
quotes | tojson
ctl | tojson
html | tojson
1.0 | tojson
1e100 | tojson
0.1 | tojson
[nil, t, no] | tojson
{1: 2, none: 3, true: 4, 1.5: 5} | tojson
{(1,): 2} | tojson
(1, 2) | tojson
undefined_thing | tojson
range(2) | tojson
("inf" | float) | tojson
(l | map("string")) | tojson
d.items() | tojson
"\x7f\u2028" | tojson
n is defined
nil is defined
nil is none
n is none
n is not none
undefined_thing is none
n is number
f is number
t is number
s is number
n is integer
t is integer
f is float
n is float
t is boolean
n is boolean
t is true
n is true
no is false
s is string
n is string
d is mapping
l is mapping
[l is sequence, s is sequence, d is sequence, n is sequence, range(2) is sequence, d.keys() is sequence, undefined_thing is sequence, (1,) is sequence]
[l is iterable, s is iterable, d is iterable, n is iterable, nil is iterable, undefined_thing is iterable, d.items() is iterable]
3 is odd
-3 is odd
4 is even
2.0 is even
"x" is odd
9 is divisibleby 3
9 is divisibleby(2)
9 is divisibleby 0
1 is eq 1
1 is equalto(2)
1 is ne 2
1 is lt 2
1 is le 1
3 is gt 2
3 is ge 4
1 is lessthan 2
1 is in [1, 2]
"x" is in "xyz"
nil is sameas none
1 is sameas 1
1 is sameas true
true is sameas true
l is sameas l
[1] is sameas [1]
"abc" is lower
"ABC" is upper
"Abc" is lower
1 is upper
range is callable
s is callable
s.upper is callable
"upper" is filter
"nope" is filter
"odd" is test
"nope" is test
html is escaped
n is not string and n is number
not n is string
n is string or t
n is defined and n == 42
n is eq n
[1, 2] is eq [1, 2]
n is string is number
dict(a=1, b=2)
dict({"a": 1}, b=2)
dict([["a", 1], ["b", 2]])
dict(d)
dict([1])
dict.fromkeys(["a", "b"], 0)
dict()
namespace(a=1)
namespace(a=1).a
namespace({"a": 1}).a
namespace(a=1).b
namespace(a=1).b is defined
namespace(_x=1)
namespace().items is defined
namespace(items=1).items
strftime_now("%Y-%m-%d")
strftime_now("%d %b %Y, %A %H:%M:%S %j %y %B %-d %p %I")
strftime_now("")
raise_exception("stop: " ~ n)
raise_exception("multi\nline é")
raise_exception(1)
raise_exception()
cycler("a", "b").next()
joiner("x")()
"a" "b" 'c'
"\x41\u00e9\U0001F600\101\n\\\q"
'\''
"a\
b"
n.real
f.is_integer()
n.bit_length()
d.b + d.a
s.split(" ")[1][::-1] | upper
(s.split(" ") | first).lower()
"a" ~ "b" * 2 ~ 1 + 1
1 + 1 ~ "x"
2 * 3 ~ 4
not n == 42
n == 42 is true
1 in [1] == true
users[0].tags[0]
users[2].tags
users[2].tags[0]
users | map(attribute="name") | map("lower") | sort | join
[3, 1] | sort | first
{"a": {"b": [1, 2, {"c": 3}]}}.a.b[2].c
{"a": 1}["a"]
{1: "x"}[1]
{1: "x"}[1.0]
{"items": 5}.items is callable
{"items": 5}["items"]
{"keys": 1}.keys is number
[1, 2, 3][1]
"abc"[1]
(1, 2, 3)[-1]
9223372036854775807
-9223372036854775807 - 1
1 // 0
1 % 0
1 / 0
1.0 / 0
1.5 // 0
1.5 % 0
0 ** -1
1 + "a"
"a" + 1
[1] + (1,)
[1] + 1
{} + {}
none + 1
"a" - "b"
"a" * "b"
[1] * 1.5
"a" / 2
1 < none
range(3) + [1]
s.upper
lipsum is defined
loop is defined
caller is defined
true.x
1 | default
n|string|length
n | string | length + 1
-1 | abs
-n | abs
(-1) | abs
2 - 1 | abs
l|first + 1
"x" is string | string
(1, (2, (3,)))
[[[]]]
"🐎🐎" | length
"🐎🐎"[1]
"%s" % ("🐎",)
"%5s|" % "é"
"{:>4}|".format("é")
"é".center(5) ~ "|"
"\u00e9" == "é"
" " * 3 ~ "|"
"a" < "B"
"Straße" | upper
"ÀÉ" | lower | capitalize
"o'neil mc-donald" | title
{"a": none}.get("a", 1)
d.get("a") is none
d == d.copy()
[d] | map(attribute="a") | first
[[1, "a"], [0, "b"]] | sort
[[1, "a"], [0, "b"]] | map("last") | join
{"b": 1, "a": 2} | list
{"a": 1, "a": 2}
l[l[2]]
l[n]
l[-4]
l[-3]
s[11]
s[-11]
s | length - 1
(s | length) - 1
s | upper | lower | title
nil ~ nil
nil | upper
[nil] | join
t | string | lower
1.10 | string
100 | string ~ "%"
1e3 | int
1.0 == 1
0.1 + 0.7
1e300 * 1e10
3.0 | int
7 | float / 2
"3" * 3 | int
"%.3f" | format(2)
"%05.1f" % 3.14159
"%-8s|" % "ab"
"%3d%%" % 7
"%i" % 3
"%s and %r" % ("x", "x")
"%r" % none
"{0:<10}{1:>10}|".format("left", "right")
"{:.1%}".format(0.1234)
"{:,d}".format(-1234)
"{:^+8.2f}|".format(2.5)
"{:#b} {:#o}".format(5, 8)
"{!r:>6}|".format("a")
"{a.b}".format(a={"b": 1})
"abc".upper().lower().title()
"a\nb" | indent(width=2)
"x,y;z".replace(",", ";").split(";")
" a b ".split(" ", 1)
"a.b.c".rsplit(".", 1)[0]
"<think>r</think>answer".split("</think>")[-1].lstrip("\n")
"<think>r</think>answer".split("</think>")[0].rstrip("\n").split("<think>")[-1].lstrip("\n")
"\n\n x".lstrip("\n")
"content" in messages[0]
messages[0].role == "user" and messages[0]["content"] is string
messages[1:] | length
messages | length > 1
messages[-1].role
messages[::-1][0].content
messages | map(attribute="role") | list
messages | selectattr("role", "equalto", "user") | list | length
(messages | last).content
messages[0].tool_calls is defined and messages[0].tool_calls
messages[0].tool_calls is not defined
messages[0].content.parts
messages[0]["nope"] is none
messages[0].nope == none
messages[0].nope or "none"
messages[5].role
"""

STATEMENTS = [
    "{% set a = 'x' ~ 'y' %}{% set b = a ~ '1' %}{% set c = a ~ '2' %}{{ a }}{{ b }}{{ c }}{{ b ~ c }}",
    "{% set a = 'x' + 'y' %}{% set b = a + '1' %}{% set c = b[:2] + '2' %}{{ a }}{{ b }}{{ c }}",
    "{% macro m(a) %}{% for i in a recursive %}{{ i }}{% if i > 1 %}{{ loop([i - 1]) }}{% endif %}{% endfor %}{% endmacro %}{{ m([3]) }}",
    "{% for x in l recursive %}{{ x }}{% if loop.first and x > 0 %}{{ loop([0, 9]) }}{% endif %}{% else %}e{% endfor %}",
    "{% macro m() %}{{ caller.x }}{% endmacro %}{{ m() }}",
    "{% macro a() %}[{{ caller() }}]{% endmacro %}{% macro b() %}{% call a() %}{{ caller() }}{% endcall %}{% endmacro %}{% call b() %}in{% endcall %}",
    "{% set x = 1 %}{% macro a() %}[{{ caller() }}]{% endmacro %}{% call a() %}{% set x = 2 %}{{ x }}{% endcall %}{{ x }}",
    "{% for i in l %}{% call(v) (namespace(f=1).f) %}{% endcall %}{% endfor %}",
    "{% for i in [1, 2, 3] %}{% if i is odd %}{% set q = i %}{% else %}{% set q = 'even' %}{% endif %}{{ q }}{% endfor %}{{ q is defined }}",
    "{% if t %}{% macro m() %}M{% endmacro %}{% endif %}{{ m() }}",
    "{% for i in [1] %}{% for k in [2] %}{{ i }}{{ k }}{% set i = 5 %}{{ i }}{% endfor %}{{ i }}{% endfor %}",
    "{% with n = 1 %}{% for i in [1] %}{% set n = n + i %}{{ n }}{% endfor %}{{ n }}{% endwith %}{{ n }}",
    "{% set f = joiner() %}{{ f() }}{{ f() }}{{ f() }}",
    "{% macro m(x, *y) %}{% endmacro %}",
    "{{ dict(a=1, **{'b': 2}) }}{{ dict(**{'a': 1}, a=2) }}",
    "{{ namespace(a=1, **{'a': 2}) }}",
    "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(1, a=2) }}",
    "{{ 'ΑΣ' | lower }}{{ 'ΑΣ.' | lower }}{{ 'Σ' | lower }}{{ 'ΑΣΑ' | lower }}{{ 'ς' | upper }}",
    "{{ 'ǆ ǅ Ǆ ﬀ ŉ ǰ ΐ ᾳ ᾼ ß' | upper }}|{{ 'ǆ ǅ Ǆ ﬀ ŉ ǰ ΐ ᾳ ᾼ ß İ' | lower }}|{{ 'ǆx ǅ Ǆ ﬀ ŉ ǰ ΐ ᾳ ᾼ ß' .title() }}|{{ 'ǆ' | capitalize }}",
    "{{ 'Ⓐⓐ ⅷ Ⅷ ａＡ 𐐀𐐨 ꭰ Ꭰ ა Ა' | upper }}|{{ 'Ⓐⓐ ⅷ Ⅷ ａＡ 𐐀𐐨 ꭰ Ꭰ ა Ა' | lower }}",
    "a{% if t %}b{% endif %}c",
    "{% if no %}a{% elif n == 42 %}b{% else %}c{% endif %}",
    "{% if no %}a{% elif no %}b{% else %}c{% endif %}",
    "{% if undefined_thing %}a{% else %}b{% endif %}",
    "{% if n, %}a{% endif %}",
    "  {% if t %}\n  x\n  {% endif %}\n  y\n",
    "  {%- if t -%}\n  x\n  {%- endif -%}\n  y\n",
    "  {%+ if t %}\n  x\n  {%+ endif +%}\n  y\n",
    "a {{- 1 -}} b",
    "a {{ 1 }} b\n{{ 2 }}\n",
    "a\n{{ 1 }}\n\nb\n\n",
    "a\n\n",
    "\n",
    "",
    "x\r\ny\rz\n",
    "{{ 'a\r\nb' }}",
    "{# comment #}\nx",
    "  {# comment #}\nx",
    "x {#- c -#} y",
    "a\n  {# c #}  \nb",
    "{# multi\nline #}{{ 1 }}",
    "{#+ c +#}\nx",
    "{##}x",
    "{# {{ x }} {% if %} #}x",
    "{% raw %}{{ x }} {% if %}{% endraw %}!",
    "{%- raw -%}  {{ x }}  {%- endraw -%}  !",
    "  {% raw %}\n a\n  {% endraw %}\n b",
    "{% raw %}{% raw %}{% endraw %}",
    "{{ '{{' }} {{ '%}' }}",
    "{{ {'a': {'b': 1}}.a.b }}",
    "{{ {'a': {'b': 1}} }}",
    "{{ ( 1\n+\n2 ) }}",
    "{% set x = 1 %}{{ x }}",
    "{% set x, y = 1, 2 %}{{ x }}{{ y }}",
    "{% set x, y = [1, 2] %}{{ x }}{{ y }}",
    "{% set (x, y) = (1, 2) %}{{ x }}{{ y }}",
    "{% set x, y = [1] %}",
    "{% set x, y = [1, 2, 3] %}",
    "{% set x, y = 5 %}",
    "{% set x, y = 'ab' %}{{ y }}",
    "{% set x = 1, 2 %}{{ x }}",
    "{% set x %}a{{ n }}b{% endset %}[{{ x }}]",
    "{% set x | upper %}abc{% endset %}{{ x }}",
    "{% set x | upper | replace('B', '-') %}abc{% endset %}{{ x }}",
    "{% set ns = namespace(a=1) %}{% set ns.a = 2 %}{{ ns.a }}",
    "{% set ns = namespace() %}{% set ns.b = 2 %}{{ ns.b }}{{ ns.c is defined }}",
    "{% set ns = namespace() %}{% set ns._x = 2 %}",
    "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a + ns.b }}",
    "{% set ns = namespace() %}{% set ns.x %}block{% endset %}{{ ns.x }}",
    "{% set d2 = {} %}{% set d2.x = 1 %}",
    "{% set nope.x = 1 %}",
    "{% set x = 1 %}{% for i in l %}{% set x = i %}{% endfor %}{{ x }}",
    "{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in l %}{{ x }}{% set x = i %}{% endfor %}",
    "{% set x = 0 %}{% for i in l %}{{ x }}{% set x = x + i %}{{ x }};{% endfor %}{{ x }}",
    "{% if t %}{% set x = 5 %}{% endif %}{{ x }}",
    "{% if no %}{% set n = 5 %}{% endif %}{{ n }}",
    "{% if no %}{% set zz = 5 %}{% endif %}{{ zz is defined }}",
    "{{ n }}{% set n = 1 %}{{ n }}",
    "{% set n = n + 1 %}{{ n }}",
    "{% for i in [1] %}{{ n }}{% endfor %}{% set n = 1 %}{{ n }}",
    "{% for i in [1] %}{% if no %}{% set n = 1 %}{% endif %}{{ n }}{% endfor %}",
    "{% set n = 7 %}{% for i in [1] %}{% if no %}{% set n = 1 %}{% endif %}{{ n }}{% endfor %}{{ n }}",
    "{% for i in [1, 2] %}{% if i == 1 %}{% set q = i %}{% endif %}{{ q }}|{% endfor %}",
    "{% for i in l %}{% for k in l %}{% set z = k %}{% endfor %}{{ z is defined }}{% endfor %}",
    "{% for x in l %}{{ x }}{% endfor %}",
    "{% for x in l %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in el %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in undefined_thing %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in nil %}{{ x }}{% endfor %}",
    "{% for x in n %}{{ x }}{% endfor %}",
    "{% for c in u %}[{{ c }}]{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for v in d.values() %}{{ v }}{% endfor %}",
    "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [[1]] %}{% endfor %}",
    "{% for i in range(3) %}{{ i }}{% endfor %}",
    "{% for i in 1, 2, 3 %}{{ i }}{% endfor %}",
    "{% for i in l if i > 1 %}{{ i }}{{ loop.index }}{{ loop.last }}{% endfor %}",
    "{% for i in l if i > 9 %}{{ i }}{% else %}none{% endfor %}",
    "{% for i in range(10) if i is odd %}{{ i }}/{{ loop.length }} {% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
    "{% set ns = namespace(stop=false) %}{% for i in l if not ns.stop %}{{ i }}{% set ns.stop = true %}{% endfor %}",
    "{% for i in l if loop.index %}{{ i }}{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }};{% endfor %}",
    "{% for x in [1,1,2,2,1] %}{{ loop.changed(x) }} {% endfor %}",
    "{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in l %}{{ loop.cycle() }}{% endfor %}",
    "{% for x in l %}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}",
    "{% for x in l %}{{ loop.nope }}{% endfor %}",
    "{% for x in l %}{{ loop.nope.x }}{% endfor %}",
    "{% for x in l | select('odd') %}{{ loop.length }}{{ x }}{{ loop.revindex }};{% endfor %}",
    "{% for x in l | map('string') %}{{ loop.last }}{{ x }}{% endfor %}",
    "{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in l %}{% set outer = loop %}{% for y in [1] %}{{ outer.index }}{% endfor %}{% endfor %}",
    "{% for x in l %}{{ loop }}{% break %}{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% break %}{% else %}e{% endfor %}",
    "{% for x in l %}{% continue %}{% else %}e{% endfor %}",
    "{% for x in l %}{% if x == 2 %}{% break %}{% endif %}{% else %}e{% endfor %}",
    "{% for x in l %}{% set y %}{% break %}{% endset %}{{ x }}{% endfor %}!",
    "{% break %}",
    "{% continue %}",
    "{% for x in [{'n': 1, 'c': [{'n': 2, 'c': []}]}] recursive %}{{ x.n }}{{ loop.depth }}[{{ loop(x.c) }}]{% endfor %}",
    "{% for x in [[1, [2]], 3] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% for x in l %}{{ loop(x) }}{% endfor %}",
    "{% set loop = 1 %}{{ loop }}",
    "{% for loop in l %}{% endfor %}",
    "{% for x in l %}{% set loop = 1 %}{% endfor %}",
    "{% for x in x %}{{ x }}{% endfor %}",
    "{% for s in s %}{{ s }}{% endfor %}{{ s }}",
    "{% for x in l -%}\n {{ x }}\n{%- endfor %}",
    "{%- for m in messages %}\n  {%- if m.role == 'user' %}\n    {{- '<u>' + m.content + '</u>' }}\n  {%- else %}\n    {{- m.content }}\n  {%- endif %}\n{%- endfor %}\n",
    "{% macro m() %}x{% endmacro %}{{ m() }}",
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=5, a=4) }}",
    "{% macro m(a) %}[{{ a }}]{{ a is defined }}{% endmacro %}{{ m() }}",
    "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}",
    "{% macro m(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}",
    "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(5) }}",
    "{% macro m(a=n) %}{{ a }}{% endmacro %}{{ m() }}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro m() %}{{ n }}{% endmacro %}{% set n = 1 %}{{ m() }}",
    "{% set z = 1 %}{% macro m() %}{{ z }}{% endmacro %}{% set z = 2 %}{{ m() }}",
    "{% macro m() %}{% set q = 1 %}{% endmacro %}{{ m() }}{{ q is defined }}",
    "{% macro f(i) %}{{ i }}{% if i > 0 %}{{ f(i - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
    "{{ early() }}{% macro early() %}x{% endmacro %}",
    "{% macro m() %}\n  x\n{% endmacro %}\n[{{ m() }}]",
    "{% macro m(x) -%}\n  {{ x }}\n{%- endmacro %}[{{ m(1) }}]",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ m }}{{ m.name }}{{ m.arguments }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}body{% endcall %}",
    "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}-{{ b }}{% endcall %}",
    "{% macro m() %}x{% endmacro %}{% call m() %}body{% endcall %}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{% if caller %}{{ caller() }}{% else %}no{% endif %}{% endmacro %}{{ m() }}",
    "{% macro m() %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) m() %}<{{ i }}>{% endcall %}",
    "{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro m(x) %}{% for i in x %}{{ i }}{{ loop.last }}{% endfor %}{% endmacro %}{{ m([1, 2]) }}",
    "{% macro outer() %}{% macro inner() %}in{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(*[1]) }}{{ m(**{'a': 2}) }}",
    "{% macro m(x) %}{% set x = x + 1 %}{{ x }}{% endmacro %}{{ m(1) }}",
    "{% macro m(messages) %}{{ messages }}{% endmacro %}{{ m(1) }}{{ messages | length }}",
    "{% macro m() %}{{ raise_exception('in macro') }}{% endmacro %}{{ m() }}",
    "{% filter upper %}abc{{ n }}{% endfilter %}",
    "{% filter replace('a', 'b') | upper %}aXa{% endfilter %}",
    "{% filter trim %}\n  x\n{% endfilter %}!",
    "{% filter nofilter %}x{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}",
    "{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x is defined }}",
    "{% with n = n + 1 %}{{ n }}{% endwith %}{{ n }}",
    "{% with a = 1 %}{% with b = a %}{{ b }}{% endwith %}{% endwith %}",
    "{% generation %}x{{ n }}{% endgeneration %}y",
    "{% for m in messages %}{% generation %}{{ m.content }}{% set q = 1 %}{% endgeneration %}{{ q is defined }}{% endfor %}",
    "{% print n, s %}",
    "{% set x = namespace(l=[]) %}{% for i in l %}{% set x.l = x.l + [i * 2] %}{% endfor %}{{ x.l }}",
    "{% set x = namespace(d={}) %}{% for i in l %}{% set x.d = dict(x.d, **{i | string: i}) %}{% endfor %}{{ x.d }}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}",
    "{% set j = joiner('|') %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}",
    "{% set g = l | map('string') %}{{ g | list }}{{ g | list }}",
    "{% set g = l | map('string') %}{{ g | first }}{{ g | list }}",
    "{% set v = d.items() %}{{ v | list }}{{ v | list }}",
    "{% if t %}{{ s | nofilter }}{% endif %}",
    "{% if no %}{{ s | nofilter }}{% endif %}ok",
    "{{ (s | nofilter) if no else 'ok' }}",
    "{% if t %}{% for i in l %}{{ i | nofilter }}{% endfor %}{% endif %}",
    "{% if no %}{{ s is notest }}{% endif %}ok",
    "{{ raise_exception('Conversation roles must alternate') if messages[0].role == 'user' }}",
    "{% if messages[0]['role'] != 'system' %}{{ raise_exception('First must be system') }}{% endif %}",
    "line1\n{{ nested.nope.x }}\n",
    "{% if %}{% endif %}",
    "{% if t %}",
    "{% endif %}",
    "{% for x in l %}{% endif %}",
    "{% nope %}",
    "{{ 1",
    "{{ 1 }",
    "{% if t",
    "{# x",
    "{% raw %}x",
    "{{ }}",
    "{{ 1 + }}",
    "{{ (1 }}",
    "{{ [1 }}",
    "{{ 1) }}",
    "{{ {1} }}",
    "{{ 'abc }}",
    "{{ a b }}",
    "{{ 1 | }}",
    "{{ 1 is }}",
    "{{ x. }}",
    "{{ x.'a' }}",
    "{{ @ }}",
    "{{ a ? b }}",
    "{{ f(a=1, 2) }}",
    "{{ f(**a, *b) }}",
    "{% set 1 = 2 %}",
    "{% set x.y.z = 2 %}",
    "{% set x %}",
    "{% for 1 in l %}{% endfor %}",
    "{% for x of l %}{% endfor %}",
    "{% macro m %}{% endmacro %}",
    "{% call 1 %}{% endcall %}",
    "{% else %}",
    "{%%}",
    "{{ true }}{{ True }}{{ false }}{{ none }}{{ None }}",
    "{{ not }}",
    "{{ 1 if }}",
    "{% set x = 5 -%}   \n  {{ x }}",
    "{{ n }}{# a #}{# b #}\n{{ n }}",
    "{%- set x = 1 %}\n{%- set y = 2 %}\n{{ x + y }}",
    "<|im_start|>{{ '\\n' }}{{ \"\\t|\" }}",
    "{{ 'a' }}\n{% if t %}\n{{ 'b' }}\n{% endif %}\n{{ 'c' }}",
    "\t{% if t %}x{% endif %}\n \t {{ n }}\n",
    "a{% if t %} {% endif %}b",
    "a  {% if t %}b{% endif %}",
    "\n\n  {% if t %}b{% endif %}",
    "{{ n }}   {% if t %}b{% endif %}",
    "{% if t %}\n\nx{% endif %}",
    "{% if t -%}\n\nx{% endif %}",
    "{{ s }}\n",
    "{{ s }}\n\n",
    "\u00a0{% if t %}x{% endif %}",
    "{% set x='a' %}{{x}}{{x~x}}",
    "{{-1}}{{- 2}}",
    "{{n-1}}{{n -1}}{{n|abs-1}}",
    "{% for k, v in nested.items() %}{% for kk, vv in v.items() %}{{ k }}{{ kk }}{{ vv }}{% endfor %}{% endfor %}",
    "{% set x = {'a': [1, 2]} %}{{ x.a | length }}{{ x['a'][-1] }}",
    "{% for x in range(3) %}{% for y in range(x) %}{{ x }}{{ y }}{{ ' ' if not loop.last }}{% endfor %};{% endfor %}",
    "{{ '%s' % (loop.index if loop is defined else 'no loop') }}",
    "{% set a = b = 1 %}",
    "{{ s.format }}{{ s.nope }}",
    "{% include 'x' %}",
    "{% extends 'x' %}",
    "{% import 'x' as y %}",
    "{% do 1 %}",
    "{% trans %}x{% endtrans %}",
    "{{ [].append(1) }}",
    "{{ {}.setdefault('a', 1) }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ [1, 2] | sort(attribute='x') }}",
    "{{ 9223372036854775807 + 0 }}",
    "{{ loop.index }}",
    "{% for i in [1] %}{% endfor %}{{ i is defined }}",
    "{% for i in [1, 2] %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}.",
    "{% set items = [] %}{% for i in l %}{% set items = items + [i] %}{% endfor %}{{ items }}",
    "{% set x = 1 %}{% if t %}{% set x = 2 %}{% if t %}{% set x = 3 %}{% endif %}{{ x }}{% endif %}{{ x }}",
    "{% set x = none %}{% if x is none %}{% set x = 'set' %}{% endif %}{{ x }}",
    "{% for m in messages %}{% if loop.first %}{% set first = m %}{% endif %}{{ first.role }}{% endfor %}",
    "{{ messages[0]['content'] + '\\n' + messages[1].content }}",
    "{{ bos_token | default('') }}{{ eos_token is defined }}",
    "{% set content = messages[0].content if messages[0].content is string else '' %}{{ content }}",
    "{% set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}{% for message in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{% if ns.multi_step_tool and message.role == 'user' %}{% set ns.multi_step_tool = false %}{% set ns.last_query_index = index %}{% endif %}{% endfor %}{{ ns.last_query_index }}",
]


def cases():
    lines, out = EXPRESSIONS.strip("\n").split("\n"), []
    i = 0
    while i < len(lines):
        line = lines[i]
        if line == '"a\\':  # the one expression on two lines
            i += 1
            line += "\n" + lines[i]
        out.append("{{ " + line + " }}")
        i += 1
    return out + STATEMENTS
