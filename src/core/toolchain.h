/* What a C compiler *is*: not its name, but the programs that make what it makes. */
#ifndef UNGIL_CORE_TOOLCHAIN_H
#define UNGIL_CORE_TOOLCHAIN_H

struct strv;

/* `cc`: CC, of one word or several ("ccache gcc", "gcc -m32"); NULL or without a word: what
 * configure would take, gcc or else cc. `env`: the environment it will run in.
 *
 * *text is owned: lines "name=value\n" in an order that depends on nothing else, equal for equal
 * compilers:
 *
 *   wrapper=ccache         each program in front that only passes work on (ccache, distcc, icecc),
 *                          also one that a link of the compiler's name leads to
 *   cc=gcc -m32            the words behind these
 *   version=…              the first line of --version
 *   machine=…, release=…   -dumpmachine and -dumpversion
 *   driver=PATH SIZE ID    the program that CC names, past all links; ID is "build-id:HEX" (ELF) or
 *                          "sha256:HEX"
 *   cc1=…, as=…, ld=…      each program that the driver runs and library that it links training
 *                          with: as above, or "none"
 *   ld libbfd-2.40.so=…    shared libraries that have part of a program's work
 *
 * Nothing is kept on disk. E_BUILD: CC cannot be run, with a hint. E_SIGNAL. */
int toolchain_describe(const struct strv *env, const char *cc, char **text);

/* For a clang in env's CC: names LLVM's tools of the same version in variables that configure reads
 * (LLVM_PROFDATA and the like), unless env has these already. E_SIGNAL. */
int toolchain_add_llvm(struct strv *env);

/* The words of CC behind wrappers, added to `words`; the wrappers' names, to `wrappers` (may be
 * NULL). */
void toolchain_words(const char *cc, struct strv *wrappers, struct strv *words);

#endif
