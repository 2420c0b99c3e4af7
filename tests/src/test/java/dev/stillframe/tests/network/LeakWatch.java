package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;

import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.netty.util.ResourceLeakDetector;

import org.slf4j.LoggerFactory;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** From its making on, Netty looks for buffers that nobody gave back. */
final class LeakWatch implements AutoCloseable {
    private static final int COLLECTIONS = 5;

    /** What Netty may keep for reuse. */
    private static final long POOL_BYTES = 128L << 20;

    private final Queue<String> leaks = new ConcurrentLinkedQueue<>();
    private final ResourceLeakDetector.Level before = ResourceLeakDetector.getLevel();
    private final AppenderBase<ILoggingEvent> appender =
            new AppenderBase<>() {
                @Override
                protected void append(ILoggingEvent event) {
                    leaks.add(event.getFormattedMessage());
                }
            };

    LeakWatch() {
        ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
        appender.start();
        logger().addAppender(appender);
    }

    /** Fails if a buffer was left to the garbage collector, or the pool has grown without bound. */
    void assertNothingLeaked() {
        for (int i = 0; i < COLLECTIONS; i++) {
            System.gc();
            ByteBufAllocator.DEFAULT.directBuffer(1).release(); // reports what was collected
        }
        assertThat(leaks).isEmpty();
        var netty = (ByteBufAllocatorMetricProvider) ByteBufAllocator.DEFAULT;
        assertThat(netty.metric().usedDirectMemory()).isLessThan(POOL_BYTES);
    }

    @Override
    public void close() {
        logger().detachAppender(appender);
        ResourceLeakDetector.setLevel(before);
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger(ResourceLeakDetector.class);
    }
}
