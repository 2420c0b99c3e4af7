package dev.stillframe.transport.receiver;

import dev.stillframe.transport.wire.ErrorCode;
import dev.stillframe.transport.wire.Message;
import dev.stillframe.transport.wire.MessageCodec;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

/**
 * Stands before the encryption of a receiver and tells a sender that speaks without what is wanted,
 * in a frame that it can read. To TLS its frames look like the beginning of something very old.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel
final class TlsGate extends ChannelInboundHandlerAdapter {
    /** A TLS record with a handshake; RFC 8446, 5.1. */
    private static final int HANDSHAKE = 22;

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof ByteBuf in
                && in.isReadable()
                && in.getUnsignedByte(in.readerIndex()) != HANDSHAKE) {
            in.release();
            Message refusal =
                    new Message.Refusal(
                            ErrorCode.IDENTITY,
                            "the receiver speaks TLS only; give --tls-cert, --tls-key and --tls-ca");
            context.writeAndFlush(Unpooled.wrappedBuffer(MessageCodec.frame(refusal)))
                    .addListener(ChannelFutureListener.CLOSE);
            return;
        }
        context.pipeline().remove(this);
        context.fireChannelRead(message);
    }
}
