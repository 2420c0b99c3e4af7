package dev.stillframe.engine.conformance;

import dev.stillframe.engine.linux.Errno;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/** What must come of a step: one of several words. Immutable. */
record Outcome(List<String> words) {
    static final String DESCRIPTION =
            "ok, parked, parked D, parked S, waiting, busy, stopped, gone, SIGSEGV, SIGBUS, an errno such as EINVAL, a byte"
                    + " such as 'x', a number, IN, ERR, nothing, none or page ranges such as [2,4)";
    private static final Pattern WORD =
            Pattern.compile(
                    "ok|parked( [DS])?|waiting|busy|stopped|gone|SIGSEGV|SIGBUS|'.'|\\d+|IN|ERR|nothing|none"
                            + "|\\[\\d+,\\d+\\)( \\[\\d+,\\d+\\))*+"); // possessive: no stack for

    // each range

    static Outcome of(String text) {
        return new Outcome(
                text.isEmpty()
                        ? List.of("ok")
                        : Arrays.stream(text.split("\\|")).map(String::trim).toList());
    }

    boolean isWellFormed() {
        return words.stream().allMatch(word -> WORD.matcher(word).matches() || isErrno(word));
    }

    private static boolean isErrno(String word) {
        return Arrays.stream(Errno.values()).anyMatch(errno -> errno.name().equals(word));
    }

    boolean accepts(Reply reply) {
        return words.stream().anyMatch(word -> accepts(word, reply));
    }

    private static boolean accepts(String word, Reply reply) {
        return switch (reply) {
            case Reply.Done(long result, byte[] data) -> acceptsResult(word, result, data);
            case Reply.Parked(boolean interruptible) ->
                    word.equals("parked") || word.equals(interruptible ? "parked S" : "parked D");
            case Reply.Signalled(String name) -> word.equals(name);
            case Reply.Waiting _ -> word.equals("waiting");
            case Reply.Busy _ -> word.equals("busy");
            case Reply.Stopped _ -> word.equals("stopped");
            case Reply.Gone _ -> word.equals("gone");
        };
    }

    private static boolean acceptsResult(String word, long result, byte[] data) {
        if (word.startsWith("'")) {
            return data.length > 0 && allAre(data, (byte) word.charAt(1));
        }
        if (Character.isDigit(word.charAt(0))) {
            return result == Long.parseLong(word);
        }
        return word.equals("ok") ? result >= 0 : word.equals(name(result));
    }

    private static boolean allAre(byte[] data, byte value) {
        for (byte each : data) {
            if (each != value) {
                return false;
            }
        }
        return true;
    }

    boolean accepts(String said) {
        return words.contains(said);
    }

    boolean accepts(long result) {
        return accepts(Reply.Done.of(result));
    }

    private static String name(long result) {
        return result < 0 ? Errno.nameOf((int) -result) : Long.toString(result);
    }

    /** A reply as a person would say it. */
    static String describe(Reply reply) {
        return switch (reply) {
            case Reply.Done(long result, byte[] data) ->
                    name(result) + (data.length == 0 ? "" : " with " + Bytes.describe(data));
            case Reply.Parked(boolean interruptible) -> interruptible ? "parked S" : "parked D";
            case Reply.Signalled(String name) -> name;
            case Reply.Waiting _ -> "waiting";
            case Reply.Busy _ -> "busy";
            case Reply.Stopped _ -> "stopped";
            case Reply.Gone _ -> "gone";
        };
    }

    @Override
    public String toString() {
        return String.join(" or ", words);
    }
}
