package dev.stillframe.engine.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.Mapping;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TreatmentTest {
    private static Mapping mapping(String protection, long inode, String name, long bytes) {
        return new Mapping(
                new AddressRange(0x10000, 0x10000 + bytes), protection, 0, "00:00", inode, name);
    }

    @ParameterizedTest
    @CsvSource({
        "rw-p, 0, '',                     ANONYMOUS,    PROTECT",
        "rw-p, 0, [heap],                 ANONYMOUS,    PROTECT",
        "---p, 0, '',                     ANONYMOUS,    PROTECT",
        "rw-s, 9, /memfd:x (deleted),     SHARED,       PROTECT",
        "rw-s, 9, /dev/zero (deleted),    SHARED,       PROTECT",
        "r-xp, 9, /usr/lib/libc.so.6,     PRIVATE_FILE, COPY_CHANGED",
        "r-xp, 9, /usr/lib/l.so (deleted),PRIVATE_FILE, COPY_WHOLE",
        "r--s, 9, /usr/share/locale,      SHARED_FILE,  REFERENCE",
        "rw-s, 9, /tmp/hsperfdata,        SHARED_FILE,  COPY_WHOLE",
        "r-xp, 0, [vdso],                 KERNEL,       COPY_WHOLE",
        "r--p, 0, [vvar],                 KERNEL,       REFERENCE",
    })
    void whatItIsDecidesHowItIsCaptured(
            String protection, long inode, String name, String kind, String way) {
        Treatment treatment = Treatment.of(mapping(protection, inode, name, 4096), Set.of());
        assertThat(treatment.kind()).hasToString(kind);
        assertThat(treatment.way()).hasToString(way);
    }

    @ParameterizedTest
    @CsvSource({"io", "pf", "mg"})
    void whatNoProtectionSeesIsListedWithAReason(String flag) {
        Treatment treatment = Treatment.of(mapping("rw-p", 0, "", 4096), Set.of("rd", flag));
        assertThat(treatment.way()).isEqualTo(Treatment.Way.MISSING);
        assertThat(treatment.reason()).isNotBlank();
    }

    @Test
    void aLargeWritableFileMappingIsCapturedWhereWritesAreMarked() {
        Treatment treatment =
                Treatment.of(
                        mapping("rw-s", 9, "/var/lib/data", Mapping.SMALL_BYTES + 4096), Set.of());
        assertThat(treatment.way()).isEqualTo(Treatment.Way.MARK);
    }
}
