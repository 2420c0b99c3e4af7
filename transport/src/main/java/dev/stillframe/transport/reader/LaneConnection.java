package dev.stillframe.transport.reader;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.client.ClientConnection;
import dev.stillframe.transport.client.LostException;
import dev.stillframe.transport.wire.BatchBuffer;
import dev.stillframe.transport.wire.BatchMemory;
import dev.stillframe.transport.wire.Collected;
import dev.stillframe.transport.wire.DocumentParts;
import dev.stillframe.transport.wire.DocumentReader;
import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.PageCheck;
import dev.stillframe.transport.wire.ProtocolException;
import io.netty.channel.ChannelHandlerContext;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** One connection of a lane. Owned by the event loop. */
final class LaneConnection extends ClientConnection {
    private final FetchLane lane;
    private final boolean described;
    private final PageCheck check = new PageCheck();
    private final Fitting fitting;
    private final DocumentParts parts;
    private Collected collected = Collected.NOTHING;
    private Message.@Nullable Found readable;
    private boolean layoutCame;
    private boolean missingCame;
    private boolean over;

    /** Not yet connected; {@code memory} holds one batch. */
    LaneConnection(Terms terms, FetchLane lane, boolean described, BatchBuffer memory, Room room) {
        super(terms, memory(memory, described));
        this.lane = lane;
        this.described = described;
        fitting = new Fitting(room);
        parts = new DocumentParts("what describes the image at " + peer(), fitting);
    }

    /** One at a time: a batch is dealt with before the next is read. */
    private static BatchMemory memory(BatchBuffer buffer, boolean described) {
        return new BatchMemory() {
            @Override
            public BatchBuffer acquire() {
                return buffer;
            }

            @Override
            public boolean takesDocuments() {
                return described;
            }
        };
    }

    @Override
    protected void take(ChannelHandlerContext context, Message message) throws ProtocolException {
        try {
            switch (message) {
                case Message.Found found when readable == null -> {
                    readable = found;
                    peerIdle(found.idleMillis());
                    lane.found(found);
                    if (!described) {
                        lane.ready(context.channel());
                    }
                }
                case Message.LayoutPart(var part)
                        when readable != null && described && !layoutCame -> {
                    if (collect(part)) {
                        Layout layout = DocumentReader.layout(parts.take());
                        fitting.check(layout, readable);
                        lane.layout(layout);
                        layoutCame = true;
                    }
                }
                case Message.MissingPart(var part) when layoutCame && !missingCame -> {
                    if (collect(part)) {
                        missingCame = true;
                        lane.missing(DocumentReader.missing(parts.take()));
                        lane.ready(context.channel());
                    }
                }
                case Message.Batch batch when readable != null ->
                        arrived(batch, readable.pageSizeBytes());
                case Message.KeepAlive _ -> {} // heard
                default ->
                        throw new ProtocolException(
                                ErrorCode.ORDER,
                                message.getClass().getSimpleName()
                                        + " at a time when it is not allowed");
            }
        } catch (PageCheck.DamagedException e) {
            fail(
                    context,
                    new LostException(
                            peer() + ": " + e.getMessage(), e)); // maybe better the next time
        } catch (IOException e) {
            fail(context, e);
        }
    }

    /** Whether the document is whole. */
    private boolean collect(Message.Part part) throws ProtocolException, IOException {
        collected = collected.with(part);
        parts.add(part.bytes());
        if (part.isLast()) {
            collected = Collected.NOTHING;
        }
        return part.isLast();
    }

    private void arrived(Message.Batch message, int pageSizeBytes)
            throws IOException, ProtocolException {
        PageBatch pages = message.pages();
        Message.Fetch fetch = lane.asked(message.sequence());
        if (fetch == null || !answers(pages, fetch, pageSizeBytes)) {
            throw new ProtocolException(
                    ErrorCode.ORDER,
                    "batch %d, which is not what was asked for".formatted(message.sequence()));
        }
        check.check(message);
        lane.arrived(message.sequence(), pages);
    }

    private static boolean answers(PageBatch pages, Message.Fetch fetch, int pageSizeBytes) {
        long next = fetch.firstOrdinal();
        long dataPages = 0;
        for (int run = 0; run < pages.runCount(); run++) {
            boolean data = pages.kind(run) == PageKind.DATA;
            if (pages.firstOrdinal(run) != next || (!data && pages.kind(run) != PageKind.ZERO)) {
                return false;
            }
            next += pages.pageCount(run);
            dataPages += data ? pages.pageCount(run) : 0;
        }
        return next == fetch.firstOrdinal() + fetch.pages()
                && pages.dataBytes() == dataPages * pageSizeBytes;
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        check.close();
        super.channelInactive(context);
    }

    @Override
    protected void failed(IOException failure) {
        if (!over) {
            over = true;
            lane.over(failure);
        }
    }

    @Override
    protected boolean hasFailed() {
        return over;
    }

    @Override
    protected boolean isFirst() {
        return readable == null && described;
    }
}
