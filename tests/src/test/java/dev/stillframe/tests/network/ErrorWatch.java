package dev.stillframe.tests.network;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.netty.util.ResourceLeakDetector;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.slf4j.LoggerFactory;

/**
 * From its making on, Netty looks for buffers that nobody gave back, and every error in the log is
 * kept; what a network does to sessions is a warning, and is left out.
 */
final class ErrorWatch implements AutoCloseable {
    private static final String TRANSPORT = "dev.stillframe.transport";
    private static final int COLLECTIONS = 5;

    /** What Netty may keep for reuse. */
    private static final long POOL_BYTES = 128L << 20;

    private final Queue<String> errors = new ConcurrentLinkedQueue<>();
    private final ResourceLeakDetector.Level before = ResourceLeakDetector.getLevel();
    private final AppenderBase<ILoggingEvent> appender =
            new AppenderBase<>() {
                @Override
                protected void append(ILoggingEvent event) {
                    if (event.getLevel().isGreaterOrEqual(Level.ERROR)) {
                        errors.add(event.getLoggerName() + ": " + event.getFormattedMessage());
                    }
                }
            };

    ErrorWatch() {
        ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
        appender.start();
        logger(Logger.ROOT_LOGGER_NAME).addAppender(appender);
        logger(TRANSPORT).setLevel(Level.ERROR);
    }

    /**
     * Fails if a buffer was left to the garbage collector, the pool has grown without bound, or
     * anything else was logged as an error.
     */
    void assertNoErrors() {
        for (int i = 0; i < COLLECTIONS; i++) {
            System.gc();
            ByteBufAllocator.DEFAULT.directBuffer(1).release(); // reports what was collected
        }
        assertThat(errors).isEmpty();
        var netty = (ByteBufAllocatorMetricProvider) ByteBufAllocator.DEFAULT;
        assertThat(netty.metric().usedDirectMemory()).isLessThan(POOL_BYTES);
    }

    @Override
    public void close() {
        logger(Logger.ROOT_LOGGER_NAME).detachAppender(appender);
        logger(TRANSPORT).setLevel(null);
        ResourceLeakDetector.setLevel(before);
    }

    private static Logger logger(String name) {
        return (Logger) LoggerFactory.getLogger(name);
    }
}
