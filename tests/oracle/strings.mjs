// Random strings of many kinds for tokenizers, the same for the same seed: words and code, the
// world's scripts, emoji, white space, digits, contractions, special tokens, runs, any code point.
// names: special tokens and what looks like them. usable: whether a code point may be used.
export const spaces = [" ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "\u00a0", "\u0085", "\ufeff",
    "\u180e", "\u2003", "\u2028", "\u3000", "\u200b", "\v", "\f"];
const contractions = "'s 't 're 've 'm 'll 'd".split(" ");
const words = ("the of and to in is was he for it with as his on be at by had not are but from " +
    "or have an they which you were her all she there would their we him been has when who will " +
    "more no if out so said what up its about into Straße naïve façade O'Brien rock'n'roll " +
    "e-mail C++ x86_64 http://example.com/?q=1&r=2 3.14159 1,000,000").split(" ");
const vietnamese = ("Cửa Việt là một thị trấn nằm ở phía bắc tỉnh Quảng Trị nơi sông Hiếu đổ ra " +
    "biển người ta đường phố những quyển sách").split(" ");
const code = ["if (x == 0) {\n    return -1;\n}\n", "for i in range(10):\n\tprint(i)\n",
    "#include <stdio.h>\r\n", "const f = (a, b) => a?.[b] ?? `${a}`;",
    "SELECT * FROM t WHERE a <> 'b';", "\\begin{equation} \\alpha^{2}", "/* ... */", "0x1234abcd",
    "a[i++] += b->c;", "<div class=\"x\">&nbsp;</div>", "$(ls -la | grep \"foo\")", "        ",
    "\t\t\t", "}\n\n\n", "'\\''"];
const people = ["👩", "👨", "🧑", "👧", "🏳", "👍", "🤷", "🐻", "❤", "🇩", "🇪", "1"];
const joiners = ["\u200d", "\ufe0f", "🏽", "🏿", "\u20e3", "♀", "♂", "🌈", "❄", "\ufe0e", ""];
const odd = ["²", "٣", "Ⅷ", "½", " ", "", ".", ","];

export function generator(seed, names, usable) {
    let state = seed >>> 0;
    function random() { // mulberry32
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return (t ^ (t >>> 14)) >>> 0;
    }
    const below = n => random() % n;
    const pick = list => list[below(list.length)];
    const repeat = (n, make) => Array.from({ length: n }, make);

    function point(first, last) {
        for (;;) {
            const p = first + below(last - first + 1);
            if (usable(p))
                return String.fromCodePoint(p);
        }
    }
    const points = (n, ranges) => repeat(n, () => point(...pick(ranges))).join("");

    const upper = x => (x === "s" && !below(3) ? "\u017f" : below(2) ? x.toUpperCase() : x);
    const cased = text => [...text].map(upper).join("");
    const mixed = [() => pick(words), () => pick(spaces), () => cased(pick(contractions)),
        () => pick(code), () => pick(names), () => String(random()), () => pick(vietnamese),
        () => points(1 + below(4), [[0, 0x10ffff]]), () => pick(people) + pick(joiners)];

    // At most n parts, end to end or with between between them.
    const some = (n, part, between = "") => repeat(1 + below(n), part).join(between);
    const draw = (n, ...ranges) => points(1 + below(n), ranges);

    const kinds = {
        words: () => some(20, () => pick(words), pick([" ", "  ", ", ", "\n"])),
        code: () => some(8, () => pick(code), pick(["", " ", "\n"])),
        chinese: () =>
            draw(40, [0x4e00, 0x9fff], [0x4e00, 0x5fff], [0x3000, 0x303f], [0xff00, 0xffef]),
        japanese_korean: () =>
            draw(30, [0x3040, 0x30ff], [0xac00, 0xd7a3], [0x4e00, 0x9fff], [32, 32]),
        arabic: () =>
            draw(40, [0x600, 0x6ff], [0x621, 0x64a], [0x64b, 0x65f], [32, 32], [0x660, 0x669]),
        indic: () => draw(30, [0x900, 0x97f], [0xe00, 0xe7f], [0x980, 0x9ff], [32, 32]),
        vietnamese: () => some(12, () => pick(vietnamese), " ").normalize(pick(["NFC", "NFD"])),
        emoji: () => some(16, () => pick(people) + pick(joiners), pick(["", " "])),
        spaces: () =>
            some(12, () => pick(spaces).repeat(1 + below(pick([2, 5, 90])))) + pick(["", "x", "!"]),
        digits: () => some(8, () => String(random()).repeat(below(4)) + pick(odd)),
        contractions: () =>
            some(8, () => pick(["", "I", "x ", "'", "’"]) + cased(pick(contractions))),
        special: () => some(6, () => pick([...names, " ", "a", "\n", "é"])),
        latin: () => draw(30, [0x20, 0x7e], [0xa0, 0x24f], [0x300, 0x36f], [0x370, 0x52f]),
        low_bytes: () => draw(30, [0, 0xff]),
        few_letters: () => some(600, () => pick(["a", "b", "e", "aa", "t"])),
        few_signs: () => some(300, () => pick(["-", "=", "--", "*", "#"])),
        any: () => draw(20, [0, 0xffff], [0x10000, 0x10ffff], [0, 0x7f]),
        mixed: () => some(12, () => pick(mixed)()),
    };
    const runs = ["a", " ", "\n", "\r\n", "ab", "7", "-=", "的", "\u00a0", "'s"];
    const long = s => [s.repeat(30000), `${s.repeat(30001)}x`, `x${s.repeat(29999)} y`];

    return { kinds, runs, long, pick, below, repeat };
}
