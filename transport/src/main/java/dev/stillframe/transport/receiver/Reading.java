package dev.stillframe.transport.receiver;

import dev.stillframe.engine.document.Json;
import dev.stillframe.engine.image.ImageBatch;
import dev.stillframe.engine.image.ImageFormatException;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.transport.wire.BatchFrame;
import dev.stillframe.transport.wire.Contents;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.ImageName;
import dev.stillframe.transport.wire.Limits;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;
import dev.stillframe.transport.wire.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A connection on which a reader fetches pages of a published image, in any order and as often as
 * it likes. Messages come on the event loop; a thread of its own, {@code stillframe-reading-N},
 * reads the disk.
 */
final class Reading implements Connection.Party {
    private static final Logger LOG = LoggerFactory.getLogger(Reading.class);

    /** Batches in memory: one that is read from the disk while others are written to the socket. */
    private static final int BATCHES = 3;

    /** Writes that are under way end when their channel is closed. */
    private static final long WRITES_END_SECONDS = 30;

    private final Services services;
    private final Connection connection;
    private final Message.Read opening;
    private final BlockingQueue<Message.Fetch> waiting =
            new ArrayBlockingQueue<>(Limits.MAX_FETCHES);
    private final BlockingQueue<ImageBatch> idle = new ArrayBlockingQueue<>(BATCHES);
    private final Thread thread;

    private Reading(Services services, Connection connection, Message.Read opening) {
        this.services = services;
        this.connection = connection;
        this.opening = opening;
        thread = Role.READING.unstarted(connection.number(), this::run);
    }

    /** Makes the connection one for reading. */
    static void open(Services services, Connection connection, Message.Read opening)
            throws ProtocolException {
        if (opening.version() != Limits.VERSION) {
            throw new ProtocolException(
                    ErrorCode.VERSION,
                    "the reader speaks version %d of the protocol, the receiver %d"
                            .formatted(opening.version(), Limits.VERSION));
        }
        if (!ImageName.isValid(opening.imageName())) {
            throw new ProtocolException(ErrorCode.NAME, ImageName.rule());
        }
        if (!services.capacity().takeSession()) {
            throw new ProtocolException(
                    ErrorCode.BUSY, "the receiver has as many sessions as it can; try again later");
        }
        boolean started = false;
        try {
            Reading reading = new Reading(services, connection, opening);
            connection.become(reading, opening.idleMillis());
            reading.thread.start();
            started = true;
        } finally {
            if (!started) {
                services.capacity().giveSession();
            }
        }
    }

    @Override
    public void received(Message message) throws ProtocolException {
        if (!(message instanceof Message.Fetch fetch)) {
            throw new ProtocolException(
                    ErrorCode.ORDER,
                    "%s on a connection for reading".formatted(message.getClass().getSimpleName()));
        }
        if (!waiting.offer(fetch)) {
            throw new ProtocolException(
                    ErrorCode.LIMIT,
                    "more than %d fetches without an answer".formatted(Limits.MAX_FETCHES));
        }
    }

    /** Sends a frame on the event loop; {@code written} runs there when that is over. */
    private void send(List<ByteBuf> frame, Runnable written) {
        connection.execute(() -> connection.send(frame, written));
    }

    @Override
    public void over(ErrorCode code, String reason) {
        LOG.info(
                "reading {} from {} has ended: {}", opening.imageName(), connection.peer(), reason);
        thread.interrupt();
    }

    private void run() {
        try {
            Optional<Path> image = services.sinks().readable(opening.imageName());
            if (image.isPresent()) {
                read(image.get());
            } else {
                end(
                        ErrorCode.NAME,
                        "no image %s is here to be read".formatted(opening.imageName()));
            }
        } catch (InterruptedException
                | InterruptedIOException
                | ClosedByInterruptException
                | RejectedExecutionException e) {
            LOG.debug("reading has ended", e);
        } catch (HeapLoan.RefusedException e) {
            end(e.code(), String.valueOf(e.getMessage()));
        } catch (IOException e) {
            end(ErrorCode.IMAGE, String.valueOf(e.getMessage()));
        } catch (Throwable e) { // the thread's top: the peer must hear of it
            LOG.error("reading {} failed in a way that it should not", opening.imageName(), e);
            end(ErrorCode.INTERNAL, e.toString());
        } finally {
            services.capacity().giveSession();
        }
    }

    private void end(ErrorCode code, String reason) {
        connection.execute(() -> connection.fail(code, reason));
    }

    private void read(Path path) throws IOException, InterruptedException {
        try (HeapLoan heap = new HeapLoan(services.capacity(), services.limits());
                ImageReader image = ImageReader.open(path, heap)) {
            Arena arena = Arena.ofShared();
            for (int i = 0; i < BATCHES; i++) {
                idle.add(new ImageBatch(arena, image.layout().pageSizeBytes(), () -> {}));
            }
            try {
                welcome(image);
                while (true) {
                    answer(image, waiting.take());
                }
            } finally {
                free(arena);
            }
        }
    }

    private void welcome(ImageReader image) throws IOException, InterruptedException {
        say(
                new Message.Found(
                        (int) services.limits().deadlines().idle().toMillis(),
                        image.layout().pageSizeBytes(),
                        image.layout().ordinalCount(),
                        image.rootHash()));
        if (opening.described()) {
            say("layout", image.layout(), Message.LayoutPart::new);
            say("list of what is missing", image.missing(), Message.MissingPart::new);
        }
    }

    private void say(String what, Object document, Function<Message.Part, Message> message)
            throws IOException {
        long bytes = Json.length(document);
        if (bytes > Limits.MAX_DOCUMENT_BYTES) {
            throw new ImageFormatException(
                    "the %s of %s has %d bytes; a reader takes %d: restore the image where it is"
                            .formatted(
                                    what, opening.imageName(), bytes, Limits.MAX_DOCUMENT_BYTES));
        }
        PartStream parts = new PartStream(bytes, part -> sayWholly(message.apply(part)));
        Json.MAPPER.writeValue(parts, document);
        parts.finish();
    }

    private void sayWholly(Message message) throws IOException {
        try {
            say(message);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("the reader is gone").initCause(e);
        }
    }

    /** Waits until it is written, so that little is in memory. */
    private void say(Message message) throws InterruptedException {
        CountDownLatch written = new CountDownLatch(1);
        send(List.of(Unpooled.wrappedBuffer(MessageCodec.frame(message))), written::countDown);
        written.await(); // interrupted when the connection ends
    }

    private void answer(ImageReader image, Message.Fetch fetch)
            throws IOException, InterruptedException {
        int pageSizeBytes = image.layout().pageSizeBytes();
        if (fetch.firstOrdinal() + fetch.pages() > image.layout().ordinalCount()
                || (long) fetch.pages() * pageSizeBytes > Limits.MAX_DATA_BYTES) {
            throw new IOException(
                    "pages %d to %d were asked for; the image has %d"
                            .formatted(
                                    fetch.firstOrdinal(),
                                    fetch.firstOrdinal() + fetch.pages() - 1,
                                    image.layout().ordinalCount()));
        }
        ImageBatch batch = idle.take();
        boolean sent = false;
        try {
            batch.fill(image, fetch.firstOrdinal(), fetch.pages());
            List<ByteBuf> frame =
                    BatchFrame.of(
                            fetch.sequence(),
                            batch,
                            pageSizeBytes,
                            Contents.RAW,
                            UnpooledByteBufAllocator.DEFAULT);
            send(frame, () -> idle.add(batch));
            sent = true;
        } finally {
            if (!sent) {
                idle.add(batch);
            }
        }
    }

    /** The socket may still be at them. */
    private void free(Arena arena) throws InterruptedException {
        boolean interrupted = Thread.interrupted(); // by the end of the connection, once
        for (int i = 0; i < BATCHES; i++) {
            if (idle.poll(WRITES_END_SECONDS, TimeUnit.SECONDS) == null) {
                LOG.error(
                        "{} MiB are lost: the socket of a reader did not give them back",
                        BATCHES * ImageBatch.BYTES >> 20);
                return;
            }
        }
        arena.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
