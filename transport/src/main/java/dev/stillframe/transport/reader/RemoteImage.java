package dev.stillframe.transport.reader;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.staging.PageLedger;
import dev.stillframe.transport.client.Dialer;
import dev.stillframe.transport.net.NetworkTransport;
import dev.stillframe.transport.wire.ImageName;
import dev.stillframe.transport.wire.Limits;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.SocketAddress;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A published image in the store of a receiver that lets it be read. Nothing of its pages is here
 * before it is fetched. Each page is checked against its hash; that all of them are the image's is
 * for the caller to see, by the root hash. Thread-safe.
 */
public final class RemoteImage implements AutoCloseable {
    private static final int THREADS = 2;
    private static final int CLOSE_SECONDS = 5;

    private final Dialer dialer;
    private final String name;
    private final ReaderOptions options;
    private final FetchLane own;
    private final Object recording = new Object();
    private @Nullable PageLedger ledger;
    private final BlockingQueue<Answer> answers = new ArrayBlockingQueue<>(1);

    /** What came of a {@link #read}. */
    private sealed interface Answer {
        record Pages(byte[] bytes) implements Answer {}

        record Failed(IOException cause) implements Answer {}
    }

    private RemoteImage(Dialer dialer, String name, ReaderOptions options) {
        this.dialer = dialer;
        this.name = name;
        this.options = options;
        own = new FetchLane(dialer, name, options, "image", null, this::record, new Own());
    }

    /**
     * Connects, once, and learns what the image is.
     *
     * @param receiver where it listens: an {@code InetSocketAddress} or a {@code
     *     UnixDomainSocketAddress}
     * @throws IOException if there is no such receiver, or no such image to be read
     */
    public static RemoteImage open(SocketAddress receiver, String name, ReaderOptions options)
            throws IOException {
        if (!ImageName.isValid(name)) {
            throw new IOException(ImageName.rule());
        }
        NetworkTransport transport = NetworkTransport.chosen();
        EventLoopGroup group = transport.group(THREADS, "reader");
        Dialer dialer =
                new Dialer(
                        transport,
                        group,
                        receiver,
                        options.credentials().tls() == null
                                ? null
                                : options.credentials().tls().forSender(),
                        options.connect());
        RemoteImage image = new RemoteImage(dialer, name, options);
        boolean open = false;
        try {
            image.own.awaitReady();
            image.ledger = new PageLedger(image.layout().ordinalCount());
            open = true;
            return image;
        } finally {
            if (!open) {
                image.close();
            }
        }
    }

    /** The instant without its pages. */
    public Layout layout() {
        return own.layout();
    }

    /** What the image lacks. */
    public List<Missing> missing() {
        return own.missing();
    }

    /** What the pages and documents together must come to. */
    public byte[] rootHash() {
        return own.readable().rootHash().clone();
    }

    /** The receiver, as one types it. */
    public String peer() {
        return dialer.peer();
    }

    /**
     * Another connection to the same image; closed before this. {@code title} is for its thread.
     */
    public FetchLane lane(String title, Arrivals arrivals) {
        return new FetchLane(dialer, name, options, title, own.readable(), this::record, arrivals);
    }

    /**
     * Pages, zeros included, as soon as they are here; one call at a time. At most {@link
     * Limits#MAX_DATA_BYTES}.
     */
    public byte[] read(long firstOrdinal, int pages) throws IOException {
        own.fetch(firstOrdinal, pages);
        try {
            Answer answer =
                    answers.poll(
                            options.patience().plus(options.idle()).toNanos(),
                            TimeUnit.NANOSECONDS);
            return switch (answer) {
                case Answer.Pages(var bytes) -> bytes;
                case Answer.Failed(var cause) -> throw new IOException(cause.getMessage(), cause);
                case null -> throw new IOException("nothing came from " + peer());
            };
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("interrupted while waiting for pages").initCause(e);
        }
    }

    private void record(PageBatch pages) {
        synchronized (recording) {
            ledger().record(pages);
        }
    }

    private PageLedger ledger() {
        return Objects.requireNonNull(ledger, "pages before the image was opened");
    }

    /**
     * When every page has been fetched: whether they are, with the layout and what is missing, what
     * the root hash says.
     *
     * @throws IOException if they are not
     */
    public void verify() throws IOException {
        byte[] computed;
        synchronized (recording) {
            computed = RootHash.of(layout(), missing(), ledger());
        }
        if (!Arrays.equals(computed, rootHash())) {
            throw new IOException(
                    "the pages of %s that came from %s are not the image's: their root hash is %s, not %s; verify it there"
                            .formatted(
                                    name,
                                    peer(),
                                    HexFormat.of().formatHex(computed),
                                    HexFormat.of().formatHex(rootHash())));
        }
    }

    /** For {@link #read}. */
    private final class Own implements Arrivals {
        @Override
        public void arrived(PageBatch pages) {
            long count = 0;
            for (int run = 0; run < pages.runCount(); run++) {
                count += pages.pageCount(run);
            }
            int pageSizeBytes = layout().pageSizeBytes();
            byte[] bytes = new byte[Math.toIntExact(count * pageSizeBytes)];
            int at = 0;
            for (int run = 0; run < pages.runCount(); run++) {
                int length = Math.toIntExact(pages.pageCount(run) * pageSizeBytes);
                if (pages.kind(run) == PageKind.DATA) {
                    MemorySegment.copy(
                            pages.data(run), ValueLayout.JAVA_BYTE, 0, bytes, at, length);
                }
                at += length;
            }
            answers.add(new Answer.Pages(bytes));
        }

        @Override
        public void failed(IOException cause) {
            answers.offer(new Answer.Failed(cause));
        }
    }

    @Override
    public void close() {
        own.close();
        synchronized (recording) {
            if (ledger != null) {
                ledger.close();
                ledger = null;
            }
        }
        dialer.group()
                .shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS)
                .awaitUninterruptibly();
    }
}
