package dev.stillframe.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.conformance.Backend;
import dev.stillframe.engine.conformance.Matrix;
import dev.stillframe.engine.conformance.Matrix.Cell;
import dev.stillframe.engine.conformance.MatrixText;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A suite that cannot fail proves nothing: wrong expectations are reported, with their line. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class SuiteCanFailTest {
    private static final String START =
            """
            scenario T1 a protected page
              memory a anon 2
              userfaultfd u thread-id
              fill a 'a'
              register a wp
              protect a
            """;

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '"',
            value = {
                "T1: store a 'b'; expected ok, but T1: parked S",
                "T1: load a -> 'b'; expected 'b', but T1: 97 with 'a'",
                "T1: load a -> parked; expected parked, but T1: 97 with 'a'",
                "unprotect a -> EINVAL; expected EINVAL, but the answer is 0",
                "expect bits a P---X; expected bits P---X of a[0], found P--WX",
                "expect unprotected a; expected bits ???-? of a[0], found P--WX",
                "expect content a 'b'; expected 'b', found 'a'",
                "expect protected-pages 1 a; 2 pages are protected",
                "expect message wp a; no message",
                "scan a get present -> none; expected pages none, found [0,2)",
                "expect frame same a; a[0] was not remembered",
                "expect huge a; 0 pages are parts of huge pages, expected 2",
                "T9: store b 'x'; there is no memory b",
                "protect a by w; there is no userfaultfd w",
            })
    void aWrongLineIsReportedOnKernelAndModel(String line, String why) throws Exception {
        Matrix matrix = Runs.of(START + "  " + line + "\n", Backend.KERNEL, Backend.MODERN);
        assertThat(matrix.isAsExpected()).isFalse();
        assertThat(matrix.cells())
                .allSatisfy(
                        cell -> {
                            assertThat(cell.mark()).isEqualTo("FAIL");
                            assertThat(cell.remark()).contains("test.txt:7: " + line).contains(why);
                        });
    }

    @Test
    void whatNobodyExpectedIsFoundAtTheEnd() throws Exception {
        Cell parked = only(START + "  T1: store a 'b' -> parked\n");
        assertThat(parked.remark()).contains("in the end, T1 is parked");
        Cell message =
                only(
                        START
                                + """
                                  handler unprotect
                                  T1: store a 'b'
                                """);
        assertThat(message.remark()).contains("messages that nobody expected");
        Cell order =
                only(START + "  T1: store8 a[0]+4092 'b' -> parked\n  expect message wp a[1]\n");
        assertThat(order.remark()).contains("expected wp a[1], found wp a[0]");
        Cell thread =
                only(START + "  T1: store a 'b' -> parked\n  expect message wp a by nobody\n");
        assertThat(thread.remark()).contains("expected wp a by nobody, found wp a[0] by T1");
    }

    @Test
    void aStoreThatIsNotInMemoryIsFoundWithoutBeingAskedFor() throws Exception {
        String text =
                START
                        + """
                          unprotect a
                          T1: store a 'b'
                          T1: store a+1 'c'
                          fill a 'a'
                          T2: store a 'd'
                        """;
        assertThat(Runs.of(text, Backend.KERNEL, Backend.MODERN).isAsExpected()).isTrue();
        Cell lost =
                only(
                        """
                        scenario T2 another mapping of the same memory is written behind the scenario's back
                          memory a anon 1
                          userfaultfd u
                          fill a 'a'
                          process M
                          M: vm-write a+1 'z'
                          T1: store a+1 'b'
                          M: vm-write a+1 'y'
                          expect byte a+1 'b'
                        """);
        assertThat(lost.remark()).contains("expected 'b', found 'y'");
    }

    @Test
    void afterAHangTheRestStillRunsAndNothingIsLeft() throws Exception {
        long before = ProcessHandle.current().descendants().count();
        Matrix matrix =
                Runs.of(
                        """
                        scenario H1 a read that waits for ever
                          T1: pipe-read p 1
                        scenario H2 after that
                          memory a anon 1
                          userfaultfd u
                        """,
                        Backend.KERNEL);
        assertThat(matrix.cells()).extracting(Cell::mark).containsExactly("FAIL", "ok");
        assertThat(matrix.cells().getFirst().remark())
                .contains("T1", "READ", "neither ended nor parked in 5 s");
        assertThat(ProcessHandle.current().descendants().count()).isEqualTo(before);
    }

    @Test
    void anUnexpectedPassIsAnError() throws Exception {
        String text = "fails under MODERN: it was so in history\n";
        Matrix matrix = Runs.of(START + text + "  unprotect a\n", Backend.MODERN, Backend.KERNEL);
        assertThat(matrix.isAsExpected()).isFalse();
        assertThat(matrix.cells()).extracting(Cell::mark).containsExactly("PASS", "ok");
        assertThat(MatrixText.lines(matrix))
                .anyMatch(line -> line.contains("T1 MODERN: must fail: it was so in history"));
    }

    @Test
    void aDisagreementOfKernelAndModelIsAnErrorEvenIfItIsExpected() throws Exception {
        String text = "fails under kernel: somebody wrote that here\n";
        Matrix matrix =
                Runs.of(
                        START + text + "  under kernel: expect unprotected a\n",
                        Backend.KERNEL,
                        Backend.MODERN);
        assertThat(matrix.cells()).allMatch(Cell::expected);
        assertThat(matrix.disagreements()).hasSize(1);
        assertThat(matrix.isAsExpected()).isFalse();
    }

    private static Cell only(String text) throws Exception {
        Matrix matrix = Runs.of(text, Backend.KERNEL);
        assertThat(matrix.cells()).hasSize(1);
        assertThat(matrix.cells().getFirst().mark()).isEqualTo("FAIL");
        return matrix.cells().getFirst();
    }
}
