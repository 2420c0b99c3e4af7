package dev.stillframe.tests.oracle;

import dev.stillframe.engine.process.ProtectionView;

/** Takes everything for protected, as an engine that does not look. */
public record BlindView(ProtectionView view) implements ProtectionView {
    @Override
    public boolean isWhole(long start, long bytes) {
        return true;
    }

    @Override
    public void close() {
        view.close();
    }
}
