package dev.stillframe.agent.cli;

import dev.stillframe.engine.capture.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar on standard error. Thread-safe. */
final class ProgressDisplay implements Progress, AutoCloseable {
    private static final int STANDARD_ERROR = 2;
    private static final long MEBIBYTE = 1L << 20;
    private static final int UPDATE_MILLIS = 100;
    private static final int WIDTH = 100;

    private final ProgressBar bar;

    private ProgressDisplay(ProgressBar bar) {
        this.bar = bar;
    }

    /** Shows a bar that is called {@code task}. */
    static ProgressDisplay show(String task) {
        return new ProgressDisplay(
                new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(1)
                        .setUnit(" MiB", MEBIBYTE)
                        .setStyle(ProgressBarStyle.ASCII)
                        .setUpdateIntervalMillis(UPDATE_MILLIS)
                        .clearDisplayOnFinish()
                        .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
                        .build());
    }

    /** Whether a person sees standard error: it is a terminal, and not a pipe or a file. */
    static boolean isTerminal() {
        return isTerminal(STANDARD_ERROR);
    }

    /** Whether a descriptor of ours is a terminal. */
    static boolean isTerminal(int descriptor) {
        try {
            String name =
                    Files.readSymbolicLink(Path.of("/proc/self/fd", Integer.toString(descriptor)))
                            .toString();
            return name.startsWith("/dev/pts/")
                    || name.startsWith("/dev/tty")
                    || name.equals("/dev/console");
        } catch (IOException e) {
            return false; // closed, or no /proc: nobody is looking
        }
    }

    @Override
    public void at(Step step, long doneBytes, long totalBytes) {
        bar.setExtraMessage(step.name().toLowerCase(Locale.ROOT));
        if (totalBytes > 0) {
            at(doneBytes, totalBytes);
        }
    }

    /** Now {@code doneBytes} of {@code totalBytes}, where there is only one step. */
    void at(long doneBytes, long totalBytes) {
        bar.maxHint(Math.max(1, totalBytes));
        bar.stepTo(doneBytes);
    }

    @Override
    public void close() {
        bar.close();
    }
}
