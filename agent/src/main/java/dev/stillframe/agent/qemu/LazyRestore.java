package dev.stillframe.agent.qemu;

import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.postcopy.PostCopy;
import dev.stillframe.engine.process.TargetProcess;
import dev.stillframe.transport.reader.Arrivals;
import dev.stillframe.transport.reader.FetchLane;
import dev.stillframe.transport.reader.RemoteImage;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * A machine of QEMU made to run again from an image on another host, before its memory is here:
 * what the guest touches is fetched at once, on a connection of its own, and all else streams in
 * beside. Until all is here and checked the machine depends on this process: it ends with it, or,
 * if this process is killed, stands for ever at the first page that is missing. Owned by one
 * thread.
 */
public final class LazyRestore implements AutoCloseable {
    /** A connection's way is not to be filled so far that what is urgent waits long behind it. */
    private static final int STREAMED_PAGES = 256;

    private static final int STREAMED_AT_ONCE = 4;

    private final RemoteImage image;
    private final IncomingQemu qemu;
    private final Filling filling;
    private final TargetProcess process;
    private final MachineRestore.Restored restored;
    private boolean whole;

    private LazyRestore(
            RemoteImage image,
            IncomingQemu qemu,
            Filling filling,
            TargetProcess process,
            MachineRestore.Restored restored) {
        this.image = image;
        this.qemu = qemu;
        this.filling = filling;
        this.process = process;
        this.restored = restored;
    }

    /**
     * How it came. Immutable.
     *
     * @param bytes of the memory
     * @param nanos from the first fetch of it until the last page was here
     * @param waits of whoever touched a page that was not here yet, in nanoseconds
     */
    public record Filled(long bytes, long nanos, Histogram waits) {}

    /**
     * Starts QEMU and lets the guest run.
     *
     * @param image closed by the caller, after this
     * @param options whose {@code ram} is null: the memory is QEMU's own
     * @throws IOException if the image is not of a machine or not complete, or QEMU does not take
     *     it; no QEMU is left then
     */
    public static LazyRestore start(RemoteImage image, MachineRestore.Options options)
            throws IOException {
        MachineState machine = machine(image);
        MachineState.Block lazy = largest(machine);
        Path directory = Files.createTempDirectory("stillframe-");
        Path socket = directory.resolve("qmp");
        Path stream = directory.resolve("incoming");
        try {
            MachineRestore.writeStream(MemoryContents.of(image), machine, lazy, stream);
            QemuArguments arguments =
                    MachineRestore.arguments(options, image.layout().source())
                            .mapping(new QemuArguments.Backing(lazy, null, true))
                            .with("-incoming", "defer")
                            .with("-S")
                            .with("-qmp", IncomingQemu.listening(socket));
            IncomingQemu.Place place = new IncomingQemu.Place(true, options.aside());
            return start(
                    image,
                    machine,
                    lazy,
                    IncomingQemu.start(arguments, stream, socket, place),
                    options);
        } finally {
            Files.deleteIfExists(socket);
            Files.deleteIfExists(stream);
            Files.deleteIfExists(directory);
        }
    }

    private static MachineState machine(RemoteImage image) throws IOException {
        MachineState machine = image.layout().machine();
        if (machine == null) {
            throw new ImageFormatException(
                    "the image is of a process, not of a virtual machine, and cannot be run");
        }
        if (!image.missing().isEmpty()) {
            throw new ImageFormatException(
                    "the image is not complete (%s), so the machine would not be what it was; take another snapshot"
                            .formatted(image.missing().getFirst().reason()));
        }
        return machine;
    }

    /** The rest goes through the stream, before the guest runs. */
    private static MachineState.Block largest(MachineState machine) throws ImageFormatException {
        return machine.blocks().stream()
                .filter(MachineState.Block::backend)
                .max(Comparator.comparingLong(block -> block.range().sizeBytes()))
                .orElseThrow(
                        () ->
                                new ImageFormatException(
                                        "the image has no memory of a machine that could come later"));
    }

    private static LazyRestore start(
            RemoteImage image,
            MachineState machine,
            MachineState.Block lazy,
            IncomingQemu qemu,
            MachineRestore.Options options)
            throws IOException {
        @Nullable TargetProcess process = null;
        @Nullable Filling filling = null;
        boolean done = false;
        try (Qmp qmp = qemu.connect()) {
            long started = qemu.nanos();
            process =
                    TargetProcess.open(
                            qmp.peer()
                                    .orElseThrow(
                                            () ->
                                                    new IOException(
                                                            "the process of QEMU is not to be seen from here")));
            filling = new Filling(image, MemoryContents.firstOrdinal(image.layout(), lazy.range()));
            filling.begin(PostCopy.begin(process, place(qmp, lazy), filling, Clock.SYSTEM));
            qmp.execute("migrate-incoming", Map.of("uri", IncomingQemu.STREAM));
            qemu.awaitLoaded(qmp);
            long loaded = qemu.nanos();
            boolean running = machine.running() && !options.paused();
            if (running) {
                qmp.execute("cont");
            }
            done = true;
            return new LazyRestore(
                    image,
                    qemu,
                    filling,
                    process,
                    new MachineRestore.Restored(
                            qemu.process(), running, started, loaded - started, qemu.nanos()));
        } catch (IOException e) {
            throw qemu.ended(e);
        } finally {
            if (!done) {
                qemu.kill();
                if (filling != null) {
                    filling.close();
                }
                if (process != null) {
                    process.close();
                }
            }
        }
    }

    /** Where QEMU has the block. */
    private static AddressRange place(Qmp qmp, MachineState.Block block) throws IOException {
        List<RamBlock> blocks = RamBlock.find(qmp, Set.of(block.name())).blocks();
        return blocks.stream()
                .filter(each -> each.name().equals(block.name()))
                .map(
                        each ->
                                new AddressRange(
                                        each.processStart(),
                                        each.processStart() + each.range().sizeBytes()))
                .filter(range -> range.sizeBytes() == block.range().sizeBytes())
                .findFirst()
                .orElseThrow(
                        () ->
                                new IOException(
                                        "QEMU has no memory %s of %d bytes; give it the arguments that it had then"
                                                .formatted(
                                                        block.name(), block.range().sizeBytes())));
    }

    /** The machine, which runs already unless it was to stand. */
    public MachineRestore.Restored restored() {
        return restored;
    }

    /** QEMU's process; {@link #restored} has the shell that waits for it. */
    public long pid() {
        return process.pid();
    }

    /**
     * Waits until all memory is here and found to be the image's; the machine then depends on
     * nothing of ours.
     *
     * @throws IOException if it did not come: {@link #close} ends the machine then
     */
    public Filled awaitWhole() throws IOException, InterruptedException {
        Filled filled = filling.await();
        image.verify();
        filling.finish();
        whole = true;
        return filled;
    }

    /** Waits for QEMU's end; its exit code. */
    public int awaitEnd() throws InterruptedException {
        return restored.process().waitFor();
    }

    /** A machine that is whole goes on; another is ended, because it could not. */
    @Override
    public void close() {
        if (whole) {
            qemu.leave();
        } else {
            qemu.kill();
        }
        filling.close();
        process.close();
    }

    /** Asks for pages, and puts them where they belong. Thread-safe. */
    private static final class Filling implements PostCopy.Needs, Arrivals, AutoCloseable {
        private final RemoteImage image;
        private final long firstOrdinal;
        private final FetchLane urgent;
        private final FetchLane streamed;
        private final CountDownLatch over = new CountDownLatch(1);
        private final AtomicReference<@Nullable IOException> failure = new AtomicReference<>();
        private long beginNanos;
        private volatile @Nullable PostCopy memory;
        private int next;

        Filling(RemoteImage image, long firstOrdinal) {
            this.image = image;
            this.firstOrdinal = firstOrdinal;
            urgent = image.lane("urgent", this);
            streamed = image.lane("streamed", this);
        }

        void begin(PostCopy into) {
            memory = into;
            beginNanos = System.nanoTime();
            into.listen();
            stream();
        }

        private PostCopy memory() {
            PostCopy known = memory;
            if (known == null) {
                throw new IllegalStateException("pages before they were asked for");
            }
            return known;
        }

        @Override
        public void urgent(int firstPage, int pages) {
            urgent.fetch(firstOrdinal + firstPage, pages);
        }

        /**
         * While somebody waits for pages, only so much streams in beside that it comes to an end.
         */
        private synchronized void stream() {
            int atOnce = urgent.pending() > 0 ? 1 : STREAMED_AT_ONCE;
            while (streamed.pending() < atOnce) {
                PostCopy.Pages pages = memory().ask(next, STREAMED_PAGES);
                if (pages == null) {
                    return;
                }
                next = pages.end();
                streamed.fetch(firstOrdinal + pages.first(), pages.count());
            }
        }

        @Override
        public void arrived(PageBatch pages) throws IOException {
            memory().place(pages, firstOrdinal);
            if (memory().lackingPages() == 0) {
                over.countDown();
            } else {
                stream();
            }
        }

        @Override
        public void failed(IOException cause) {
            failure.compareAndSet(null, cause);
            over.countDown();
        }

        /** The lanes give up when nothing comes for too long. */
        Filled await() throws IOException, InterruptedException {
            over.await();
            IOException cause = failure.get();
            if (cause != null) {
                throw new IOException(
                        "the machine could not be made whole and was ended: %s; the image at %s is as it was, restore it again"
                                .formatted(cause.getMessage(), image.peer()),
                        cause);
            }
            return new Filled(
                    memory().pages() * MemoryContents.PAGE_BYTES,
                    System.nanoTime() - beginNanos,
                    memory().waits());
        }

        void finish() throws IOException {
            urgent.close();
            streamed.close();
            memory().finish();
        }

        @Override
        public void close() {
            urgent.close();
            streamed.close();
            PostCopy known = memory;
            if (known != null) {
                known.close();
            }
        }
    }
}
