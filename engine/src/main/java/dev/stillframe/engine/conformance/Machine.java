package dev.stillframe.engine.conformance;

import io.micrometer.core.instrument.Clock;
import java.util.List;
import java.util.function.Supplier;

/**
 * Where scenarios run: processes with threads, their memory, and userfaultfds. A new machine has
 * one process, {@link #MAIN}, with one thread of the same name. Everything is named by the
 * scenario. Owned by one thread; closing ends all processes, whatever they wait for.
 *
 * <p>Calls that a program could make answer what the program would see: a result, or a negative
 * errno. Anything that this kind of machine cannot do is {@link Unsupported}; a machine that does
 * not answer within its deadline is {@link Hang}.
 */
public interface Machine extends AutoCloseable {
    /** The first process, and its first thread. */
    String MAIN = "main";

    /** Bytes of a page. */
    int PAGE_BYTES = 4096;

    /** The time by which it is seen whether anything goes on. */
    Clock clock();

    /** One more process, unrelated to the others, with one thread of the same name. */
    void newProcess(String name);

    /** One more thread. */
    void newThread(String name, String process);

    /** The process that a thread belongs to. */
    String processOf(String thread);

    /** Maps memory into a process; the answer is where. */
    long map(String process, Memory memory);

    /**
     * Writes the bytes of a range as if the program had, without a look at what a userfaultfd says.
     */
    void fill(String process, long address, long bytes, byte value);

    /**
     * Whether reading a hole of anonymous memory maps the zero page, as all kernels do that were
     * not built otherwise.
     */
    default boolean mapsZeroPage() {
        return true;
    }

    /** Lets a thread do something, and waits until it is done or cannot go on by itself. */
    Reply start(String thread, Act act);

    /** How a thread stands after it went on as far as it could. */
    Reply state(String thread);

    /**
     * Creates a userfaultfd, with flags of userfaultfd(2); the descriptor has {@code name} in this
     * process.
     */
    long open(String process, String name, boolean userModeOnly, boolean blocking);

    /** An ioctl of a userfaultfd that {@code process} holds. */
    long control(String process, String userfaultfd, Control control);

    /**
     * Reads messages: at most {@code max}, and none if the answer is empty. Descriptors of forks
     * get these names.
     */
    List<Message> read(String process, String userfaultfd, int max, Supplier<String> children);

    /** read(2) of so many bytes, for its error; the messages are gone. */
    long readBytes(String process, String userfaultfd, int bytes);

    /** poll(2) for reading: {@code IN}, {@code ERR} or {@code nothing}. */
    String poll(String process, String userfaultfd);

    /** Closes a descriptor of a userfaultfd. */
    void close(String process, String userfaultfd);

    /** dup(2) of a descriptor of a userfaultfd. */
    void duplicate(String process, String userfaultfd, String as);

    /**
     * {@code process} takes a copy of a descriptor of {@code owner}, under the same name:
     * pidfd_getfd(2).
     */
    void take(String process, String userfaultfd, String owner);

    /** PAGEMAP_SCAN of {@code target}'s memory. */
    Scan.Answer scan(String process, String target, Scan scan);

    /** What the page table says about a page. */
    Page page(String process, long address);

    /** Memory as the program would see it; pages that are not there are zeros. */
    byte[] content(String process, long address, int bytes);

    /**
     * Changes the object behind a mapping, not through memory: pwrite(2), fallocate(2) to punch a
     * hole.
     */
    void changeFile(String object, long offset, long bytes, byte value);

    /** As {@link #changeFile}, for a hole. */
    void punchHole(String object, long offset, long bytes);

    /** As {@link #changeFile}, for its length: ftruncate(2). */
    void truncate(String object, long bytes);

    /** SIGKILL; waits until the process has gone. */
    void kill(String process);

    /** SIGSTOP, answered when the process has begun to stop, and SIGCONT. */
    void stop(String process, boolean stopped);

    /** SIGUSR1, which has a handler, to a thread. */
    void signal(String thread);

    /** Tells a hammering thread to stop; how it stands then is its {@link #state}. */
    void halt(String thread);

    @Override
    void close();

    /**
     * This kind of machine cannot do what was asked for; the message says why, as a person would.
     */
    final class Unsupported extends RuntimeException {
        private static final long serialVersionUID = 1;

        /** {@code reason} completes "not run here: ". */
        public Unsupported(String reason) {
            super(reason);
        }
    }

    /** The deadline passed. */
    final class Hang extends RuntimeException {
        private static final long serialVersionUID = 1;

        /** {@code what} did not happen. */
        public Hang(String what) {
            super(what);
        }
    }
}
