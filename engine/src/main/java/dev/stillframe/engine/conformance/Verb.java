package dev.stillframe.engine.conformance;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The words that a line of a scenario can start with, each with its usage: capital words stand for
 * operands ({@link Operand}), {@code [word]} may be there, {@code [word NAME]} may be there with an
 * operand, {@code WORD...} is any number. What they mean is in {@code CONFORMANCE.md}.
 */
enum Verb {
    // What there is.
    MEMORY(Doer.NOBODY, "NAME KIND NUMBER [of NAME] [in NAME]"),
    PROCESS(Doer.NOBODY, "NAME"),
    THREAD(Doer.NOBODY, "NAME [in NAME]"),
    FILL(Doer.NOBODY, "RANGE VALUE"),
    FILE_WRITE(Doer.NOBODY, "RANGE VALUE"),
    PUNCH_HOLE(Doer.NOBODY, "RANGE"),
    TRUNCATE(Doer.NOBODY, "NAME NUMBER"),

    // What the holder of a userfaultfd does.
    USERFAULTFD(Doer.PROCESS, "NAME [user-mode-only] [blocking] FEATURE..."),
    OPEN(Doer.PROCESS, "NAME [user-mode-only] [blocking]"),
    API(Doer.PROCESS, "NAME [version NUMBER] FEATURE..."),
    REGISTER(Doer.PROCESS, "RANGE MODES [by NAME]"),
    UNREGISTER(Doer.PROCESS, "RANGE [by NAME]"),
    PROTECT(Doer.PROCESS, "RANGE [by NAME]"),
    UNPROTECT(Doer.PROCESS, "RANGE [dontwake] [by NAME]"),
    WAKE(Doer.PROCESS, "RANGE [by NAME]"),
    WRITEPROTECT(Doer.PROCESS, "START NUMBER NUMBER [by NAME]"),
    WRITEPROTECT_NULL(Doer.PROCESS, "[by NAME]"),
    COPY(Doer.PROCESS, "RANGE VALUE [wp] [dontwake] [by NAME]"),
    ZEROPAGE(Doer.PROCESS, "RANGE [by NAME]"),
    POISON(Doer.PROCESS, "RANGE [by NAME]"),
    CONTINUE(Doer.PROCESS, "RANGE [wp] [by NAME]"),
    MOVE(Doer.PROCESS, "RANGE [from START] [by NAME]"),
    CLOSE(Doer.PROCESS, "NAME"),
    DUP(Doer.PROCESS, "NAME [as NAME]"),
    TAKE(Doer.PROCESS, "NAME [from NAME]"),
    POLL(Doer.PROCESS, "NAME"),
    READ_BYTES(Doer.PROCESS, "NAME NUMBER"),
    FETCH(Doer.PROCESS, "NAME NUMBER [as NAME]"),
    SCAN(Doer.PROCESS, "RANGE FLAGS [novec] CATEGORY..."),
    COLLECT(Doer.PROCESS, "RANGE"),
    HANDLER(Doer.NOBODY, "HANDLING"),

    // What a thread does.
    LOAD(Doer.THREAD, "RANGE"),
    STORE(Doer.THREAD, "RANGE VALUE"),
    STORE8(Doer.THREAD, "RANGE VALUE"),
    CAS(Doer.THREAD, "RANGE VALUE VALUE"),
    HAMMER(Doer.THREAD, "RANGE"),
    WRITE(Doer.THREAD, "RANGE"),
    READ(Doer.THREAD, "RANGE VALUE"),
    DIRECT_WRITE(Doer.THREAD, "RANGE"),
    DIRECT_READ(Doer.THREAD, "RANGE VALUE"),
    VM_READ(Doer.THREAD, "RANGE"),
    VM_WRITE(Doer.THREAD, "RANGE VALUE"),
    MEM_READ(Doer.THREAD, "RANGE"),
    MEM_WRITE(Doer.THREAD, "RANGE VALUE"),
    PEEK(Doer.THREAD, "RANGE"),
    POKE(Doer.THREAD, "RANGE VALUE"),
    VMSPLICE(Doer.THREAD, "RANGE NAME"),
    PIPE_READ(Doer.THREAD, "NAME NUMBER"),
    IO_REGISTER(Doer.THREAD, "RANGE"),
    IO_READ(Doer.THREAD, "RANGE VALUE"),
    FUTEX_WAIT(Doer.THREAD, "RANGE"),
    FUTEX_WAKE_SHARED(Doer.THREAD, "RANGE"),
    FUTEX_WAKE_OP(Doer.THREAD, "RANGE"),
    FUTEX_LOCK_PI(Doer.THREAD, "RANGE"),
    ROBUST_FUTEX(Doer.THREAD, "RANGE"),
    MLOCK(Doer.THREAD, "RANGE"),
    POPULATE_READ(Doer.THREAD, "RANGE"),
    POPULATE_WRITE(Doer.THREAD, "RANGE"),
    MADVISE(Doer.THREAD, "RANGE ADVICE"),
    MPROTECT(Doer.THREAD, "RANGE PROTECTION"),
    MUNMAP(Doer.THREAD, "RANGE"),
    MMAP(Doer.THREAD, "RANGE"),
    MREMAP(Doer.THREAD, "RANGE [to NUMBER] [in-place] [over RANGE] [as NAME]"),
    FORK(Doer.THREAD, "NAME"),
    SPAWN(Doer.THREAD, "NAME"),
    VFORK(Doer.THREAD, "NAME"),
    CLONE_CLEARTID(Doer.THREAD, "NAME RANGE"),
    EXEC(Doer.THREAD, ""),
    EXIT(Doer.THREAD, ""),

    // What happens to processes and threads.
    KILL(Doer.NOBODY, "NAME"),
    STOP(Doer.NOBODY, "NAME"),
    CONT(Doer.NOBODY, "NAME"),
    SIGNAL(Doer.NOBODY, "NAME"),
    HALT(Doer.NOBODY, "NAME"),
    COLLECT_GARBAGE(Doer.NOBODY, ""),
    EVICTION(Doer.NOBODY, "RANGE [pool NUMBER] [turns NUMBER] [seconds NUMBER] NAME..."),
    REPEAT(Doer.NOBODY, "NUMBER"),
    END(Doer.NOBODY, ""),
    REMEMBER(Doer.NOBODY, "RANGE"),

    // What must be so.
    EXPECT_BITS(Doer.NOBODY, "RANGE BITS"),
    EXPECT_PROTECTED(Doer.NOBODY, "RANGE"),
    EXPECT_UNPROTECTED(Doer.NOBODY, "RANGE"),
    EXPECT_PROTECTED_PAGES(Doer.NOBODY, "NUMBER RANGE"),
    EXPECT_BYTE(Doer.NOBODY, "RANGE VALUE"),
    EXPECT_CONTENT(Doer.NOBODY, "RANGE VALUE"),
    EXPECT_FRAME(Doer.NOBODY, "CHANGE RANGE"),
    EXPECT_MERGED(Doer.NOBODY, "RANGE"),
    EXPECT_HUGE(Doer.NOBODY, "RANGE"),
    EXPECT_SPLIT(Doer.NOBODY, "RANGE"),
    EXPECT_STABLE(Doer.NOBODY, "RANGE"),
    EXPECT_STORES(Doer.NOBODY, "RANGE"),
    EXPECT_COLLECTED(Doer.NOBODY, "RANGE"),
    EXPECT_MESSAGE(Doer.PROCESS, "MESSAGES"),
    EXPECT_MESSAGES(Doer.PROCESS, "MESSAGES"),
    EXPECT_THREAD(Doer.NOBODY, "NAME OUTCOME");

    /** Who stands before the colon. */
    enum Doer {
        /** Nobody. */
        NOBODY,
        /** A process; the one that opened the userfaultfd if nobody is named. */
        PROCESS,
        /** A thread; one must be named. */
        THREAD
    }

    private static final Map<String, Verb> BY_WORD =
            Arrays.stream(values()).collect(Collectors.toMap(Verb::word, Function.identity()));

    private final Doer doer;
    private final String usage;

    Verb(Doer doer, String usage) {
        this.doer = doer;
        this.usage = usage;
    }

    Doer doer() {
        return doer;
    }

    /** As the text form has it, {@code direct-write} or {@code expect bits}. */
    String word() {
        String word = name().toLowerCase(Locale.ROOT).replace('_', '-');
        return word.startsWith("expect-") ? "expect " + word.substring("expect-".length()) : word;
    }

    String usage() {
        return usage;
    }

    static Optional<Verb> of(@Nullable String word) {
        return Optional.ofNullable(BY_WORD.get(word));
    }
}
