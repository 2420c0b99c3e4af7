package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.RunBatch;
import dev.stillframe.engine.postcopy.PostCopy;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.TargetProcess;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Shared memory of a process that is filled while the process reads and writes it. */
@Timeout(120)
class PostCopyTest {
    private static final int PAGE = 4096;
    private static final int PAGES = 256;
    private static final long FIRST_ORDINAL = 1000;
    private static final String PROGRAM =
            """
            import mmap, sys
            memory = mmap.mmap(-1, %d)
            memory[3 * 4096] = 99
            for mapping in open('/proc/self/maps'):
                if '/dev/zero' in mapping:
                    start, end = mapping.split()[0].split('-')
            print('ready start=%%d end=%%d' %% (int(start, 16), int(end, 16)), flush=True)
            for line in sys.stdin:
                what, page = line.split()
                at = int(page) * 4096
                if what == 'write':
                    memory[at] = 77
                elif what == 'drop':
                    memory.madvise(mmap.MADV_REMOVE, at, 4096)
                print('byte', memory[at], flush=True)
            """
                    .formatted(PAGES * PAGE);

    @Test
    void whoeverTouchesAPageWaitsForItAndGetsIt() throws Exception {
        try (Filled memory = new Filled()) {
            memory.tell("read 37");
            PostCopy.Pages needed = memory.needed();
            assertThat(needed.first()).isLessThanOrEqualTo(37);
            assertThat(needed.end()).isGreaterThan(37);
            memory.place(needed);
            assertThat(memory.answer()).isEqualTo(content(37));
            assertThat(memory.postCopy.waits().getTotalCount()).isEqualTo(1);

            memory.tell("write 80");
            memory.place(memory.needed());
            assertThat(memory.answer()).isEqualTo(77);
            assertThat(memory.say("read 81"))
                    .as("a neighbour that came with it")
                    .isEqualTo(content(81));
        }
    }

    @Test
    void whatIsWrittenMeanwhileStaysAndWhatWasThereBeforeDoesNot() throws Exception {
        try (Filled memory = new Filled()) {
            memory.tell("write 5");
            memory.place(memory.needed());
            assertThat(memory.answer()).isEqualTo(77);
            memory.place(new PostCopy.Pages(5, 1)); // asked for twice
            memory.placeAll();
            memory.finish();
            assertThat(memory.say("read 5")).isEqualTo(77);
            assertThat(memory.say("read 3")).isEqualTo(content(3));
            for (int page = 6; page < PAGES; page++) {
                assertThat(memory.say("read " + page)).as("page %d", page).isEqualTo(content(page));
            }
        }
    }

    @Test
    void pagesThatTheProcessThrowsAwayAreZero() throws Exception {
        try (Filled memory = new Filled()) {
            memory.place(new PostCopy.Pages(8, 1));
            assertThat(memory.say("read 8")).isEqualTo(content(8));
            assertThat(memory.say("drop 8")).isZero();
            memory.placeAll();
            memory.finish();
            assertThat(memory.say("read 8")).isZero();
            assertThat(memory.say("drop 9")).isZero();
        }
    }

    @Test
    void inTheEndNothingIsLeftInTheProcess() throws Exception {
        try (Filled memory = new Filled()) {
            ProcessFacts facts = new ProcessFacts(memory.target.pid());
            assertThat(facts.descriptors()).containsValue("anon_inode:[userfaultfd]");
            assertThatThrownBy(memory.postCopy::finish)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(PAGES + " pages are lacking");
            memory.placeAll();
            memory.finish();
            assertThat(facts.descriptors()).doesNotContainValue("anon_inode:[userfaultfd]");
        }
    }

    @Test
    void theEndOfTheProcessIsTold() throws Exception {
        try (Filled memory = new Filled()) {
            memory.target.kill();
            assertThat(memory.failure()).hasMessageContaining("has ended");
        }
    }

    /** Whatever ends the thread that hears who misses pages. */
    @Test
    void anErrorOfTheThreadIsTold() throws Exception {
        try (Filled memory = new Filled()) {
            memory.error = new AssertionError("injected");
            memory.tell("read 37");
            assertThat(memory.failure())
                    .hasMessageContaining("injected")
                    .hasRootCauseInstanceOf(AssertionError.class);
        }
    }

    /** The byte that fills a page; every fourth is zero. */
    private static int content(int page) {
        return page % 4 == 3 ? 0 : 1 + page % 100;
    }

    /** A process whose memory is taken away, and what it is told. */
    private static final class Filled implements PostCopy.Needs, AutoCloseable {
        final TargetProcess target = TargetProcess.start(List.of("python3", "-c", PROGRAM));
        final PostCopy postCopy;
        private final dev.stillframe.engine.process.TargetProcess process;
        private final BlockingQueue<PostCopy.Pages> needed = new LinkedBlockingQueue<>();
        private final BlockingQueue<IOException> failures = new LinkedBlockingQueue<>();
        volatile @Nullable Error error;

        Filled() throws Exception {
            Map<String, Long> facts = target.awaitReady();
            AddressRange range =
                    new AddressRange(
                            Objects.requireNonNull(facts.get("start")),
                            Objects.requireNonNull(facts.get("end")));
            process = dev.stillframe.engine.process.TargetProcess.open(target.pid());
            postCopy = PostCopy.begin(process, range, this, Clock.SYSTEM);
            postCopy.listen();
        }

        @Override
        public void urgent(int firstPage, int pages) {
            Error thrown = error;
            if (thrown != null) {
                throw thrown;
            }
            needed.add(new PostCopy.Pages(firstPage, pages));
        }

        @Override
        public void failed(IOException cause) {
            failures.add(cause);
        }

        PostCopy.Pages needed() throws InterruptedException {
            return Objects.requireNonNull(
                    needed.poll(30, TimeUnit.SECONDS), "nobody misses anything");
        }

        IOException failure() throws InterruptedException {
            return Objects.requireNonNull(
                    failures.poll(30, TimeUnit.SECONDS), "nothing has failed");
        }

        void place(PostCopy.Pages pages) throws IOException {
            try (Arena arena = Arena.ofConfined()) {
                postCopy.place(new Contents(arena, pages), FIRST_ORDINAL);
            }
        }

        /** All that nobody has asked for. */
        void placeAll() throws IOException {
            for (PostCopy.Pages pages = postCopy.ask(0, 50);
                    pages != null;
                    pages = postCopy.ask(pages.end(), 50)) {
                place(pages);
            }
        }

        void finish() throws IOException {
            assertThat(postCopy.lackingPages()).isZero();
            postCopy.finish();
        }

        void tell(String line) throws IOException {
            target.writeLine(line);
        }

        int answer() throws Exception {
            return Integer.parseInt(target.awaitLine("byte ").substring(5));
        }

        int say(String line) throws Exception {
            tell(line);
            return answer();
        }

        @Override
        public void close() {
            target.close();
            postCopy.close();
            process.close();
        }
    }

    /** One run for each page. */
    private static final class Contents extends RunBatch {
        private final MemorySegment pages;

        Contents(Arena arena, PostCopy.Pages which) {
            super(which.count(), MemorySegment.NULL);
            pages = arena.allocate((long) which.count() * PAGE, PAGE);
            for (int page = which.first(); page < which.end(); page++) {
                add(content(page) == 0 ? PageKind.ZERO : PageKind.DATA, FIRST_ORDINAL + page, 1);
                if (content(page) != 0) {
                    data(runCount() - 1).fill((byte) content(page));
                }
            }
        }

        @Override
        public MemorySegment data(int run) {
            return pages.asSlice((long) firstDataPage(run) * PAGE, PAGE);
        }

        @Override
        public long dataBytes() {
            return (long) dataPages() * PAGE;
        }

        @Override
        public void release() {}
    }
}
