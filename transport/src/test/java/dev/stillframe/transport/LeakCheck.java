package dev.stillframe.transport;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.slf4j.LoggerFactory;

/** Fails a test class that leaves a Netty buffer to the garbage collector. */
public final class LeakCheck implements BeforeAllCallback, AfterAllCallback {
    private static final int COLLECTIONS = 5;

    private final Queue<String> leaks = new ConcurrentLinkedQueue<>();

    private final AppenderBase<ILoggingEvent> appender =
            new AppenderBase<>() {
                @Override
                protected void append(ILoggingEvent event) {
                    leaks.add(event.getFormattedMessage());
                }
            };

    @Override
    public void beforeAll(ExtensionContext context) {
        watch();
    }

    @Override
    public void afterAll(ExtensionContext context) {
        for (int i = 0; i < COLLECTIONS; i++) {
            collect();
        }
        stop();
        assertThat(leaks).isEmpty();
    }

    void watch() {
        ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
        appender.start();
        logger().addAppender(appender);
    }

    void stop() {
        logger().detachAppender(appender);
    }

    /** Reports are made when the next buffer is allocated after a collection. */
    void collect() {
        System.gc();
        ByteBufAllocator.DEFAULT.directBuffer(1).release();
    }

    Queue<String> leaks() {
        return leaks;
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger(ResourceLeakDetector.class);
    }
}
